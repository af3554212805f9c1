import { Schema, type Connection, type Types } from 'mongoose';
import { cacheDefaults, type MongooseCachePlugin, type MongooseWatch } from '../../src/index.js';

// Compiled, never run: `.cache()` keeps the type of what it is called on, and refuses what it can't use.

declare const connection: Connection;
declare const plugin: MongooseCachePlugin;

interface Product {
  name: string;
  price?: number;
  supplier?: Types.ObjectId;
}
const schema = new Schema<Product>({ name: { type: String, required: true }, price: Number });
schema.plugin(cacheDefaults, { ttl: '1m', staleTtl: 60, tags: ['shop'], operations: ['find', 'aggregate'] });
const Model = connection.model<Product>('Product', schema);

const same = <T>(one: T, _other: T): T => one;

export async function keptTypes(): Promise<unknown[]> {
  same(Model.find(), Model.find().cache());
  same(Model.findOne().lean(), Model.findOne().lean().cache(60));
  same(Model.aggregate<{ n: number }>(), Model.aggregate<{ n: number }>().cache('5m'));

  const [hydrated] = await Model.find().cache({ ttl: 60, staleTtl: '1h', key: 'k', tags: ['t'] });
  await hydrated?.save();
  const price: number | undefined = hydrated?.price;
  const lean = await Model.findOne().cache().lean().orFail();
  const name: string = lean.name;
  // @ts-expect-error -- a lean result has no methods
  void lean.save;
  const perhaps = await Model.findById('x').cache(false);
  // @ts-expect-error -- it may be null
  void perhaps.name;
  const count: number = await Model.countDocuments().cache();
  const estimated: number = await Model.estimatedDocumentCount().cache();
  const names: string[] = await Model.distinct('name').cache();
  const exists = await Model.exists({ name: 'Rose' }).cache();
  void exists?._id;
  const populated = await Model.findOne()
    .populate<{ supplier: { name: string } }>('supplier')
    .cache(60)
    .orFail();
  const supplier: string = populated.supplier.name;
  const [grouped] = await Model.aggregate<{ n: number }>().match({}).cache({ ttl: 1 }).sort('n');
  const n: number | undefined = grouped?.n;
  const watch: MongooseWatch = await plugin.watch(connection);
  const lag: number = watch.lag;
  // @ts-expect-error -- it is told, not set
  watch.lag = 0;
  return [price, name, count, estimated, names, supplier, n, lag, plugin.attach(connection).models];
}

export function refusedOptions(): void {
  // @ts-expect-error -- no such option
  void Model.find().cache({ tll: 5 });
  // @ts-expect-error -- a key is a string
  void Model.find().cache({ key: 5 });
  // @ts-expect-error -- tags are a list
  void Model.aggregate([]).cache({ tags: 'one' });
  // @ts-expect-error -- false takes it back, true says nothing
  void Model.find().cache(true);
  // @ts-expect-error -- neither a connection nor a Mongoose
  plugin.attach({});
  // @ts-expect-error -- no such option
  cacheDefaults(schema, { tll: 5 });
  // @ts-expect-error -- a write
  cacheDefaults(schema, { operations: ['updateOne'] });
}
