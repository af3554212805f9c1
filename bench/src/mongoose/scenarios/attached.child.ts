import mongoose from 'mongoose';
import { createCache, MongooseCachePlugin } from '../../../../dist/index.js';
import { answering } from '../../harness/children.js';
import { order } from '../../harness/rounds.js';
import { SingleCalls, type Calls } from '../calls.js';
import { queryOf, type Page } from '../pages.js';
import { productSchema, SHELVES, type Product, type ProductModel } from '../products.js';
import type { Ground } from '../system.js';
import { CONNECTIONS } from './connections.js';

export type Work = { readonly read: Pick<Page, 'size' | 'shape'> } | 'write';

export type AttachedQuestion =
  | { readonly open: Ground }
  | { readonly work: Work; readonly ms: number }
  /** One write, by the connection with the plugin. */
  | { readonly writeOf: number };

export interface AttachedAnswer {
  /** In the order of the names. */
  readonly slots: readonly Calls[];
}

let models: readonly ProductModel[] = [];
let ids: readonly mongoose.Types.ObjectId[] = [];
let turns = 0;

answering(async (asked) => {
  const question = asked as AttachedQuestion;
  if ('open' in question) return open(question.open);
  if ('writeOf' in question) return write(models[2] as ProductModel, question.writeOf).then(() => ({}));
  return slots(question.work, question.ms);
});

async function open({ mongoUri, redisUrl, namespace }: Ground): Promise<object> {
  const connections = await Promise.all(
    CONNECTIONS.map(async () => mongoose.createConnection(mongoUri).asPromise()),
  );
  const cache = await createCache({ namespace, redis: { url: redisUrl } });
  new MongooseCachePlugin(cache).attach(connections[2] as never); // another copy of Mongoose: other types
  models = connections.map((connection) => connection.model<Product>('Product', productSchema()));
  ids = (await (models[0] as ProductModel).find().select('_id').limit(500).lean()).map(({ _id }) => _id);
  return {};
}

const write = async (products: ProductModel, n: number): Promise<unknown> =>
  products.updateOne(
    { _id: ids[n % ids.length] as mongoose.Types.ObjectId },
    { $inc: { 'variants.0.stock': 1 } },
    { timestamps: false },
  );

/** One call of each connection in turn, so that the three have the same second of the machine. */
async function slots(work: Work, ms: number): Promise<AttachedAnswer> {
  const all = models.map((products) => ({ products, calls: new SingleCalls() }));
  const until = performance.now() + ms * all.length;
  do {
    const n = turns++;
    for (const index of order(all.length, n)) {
      const { products, calls } = all[index] as (typeof all)[number];
      await calls.time(async () =>
        work === 'write' ? write(products, n) : queryOf(products, { ...work.read, n: n % SHELVES }).exec(),
      );
    }
  } while (performance.now() < until);
  return { slots: all.map(({ calls }) => calls.summary()) };
}
