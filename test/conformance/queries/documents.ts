import assert from 'node:assert/strict';
import type { Group } from './case.js';
import type { Place } from './place.js';

const planted = async (at: Place) => {
  const [hortus] = await at.Supplier.insertMany([{ name: 'Hortus' }]);
  const [rose] = await at.Product.insertMany([
    {
      name: 'Rose',
      price: 12,
      picture: Buffer.from([1, 2, 3]),
      sizes: [{ label: 'S', stems: 5 }],
      attributes: { colour: 'red' },
      supplier: hortus?._id,
    },
  ]);
  return { id: rose?._id as unknown, hortus: hortus?._id as unknown };
};

const found = async (at: Place) => {
  const { id } = await planted(at);
  return { id, rose: await at.hit(() => at.Product.findById(id).orFail()) };
};

export const documents: Group = {
  name: 'documents after a hit',
  cases: [
    {
      name: 'an instance of its model',
      run: async (at) => {
        const { rose } = await found(at);
        assert.ok(rose instanceof at.Product);
      },
    },
    {
      name: 'not new, not modified, modified where it is changed',
      run: async (at) => {
        const { rose } = await found(at);
        assert.equal(rose.isNew, false);
        assert.equal(rose.isModified(), false);
        assert.deepEqual(rose.modifiedPaths(), []);
        rose.set('price', 13);
        assert.deepEqual(rose.modifiedPaths(), ['price']);
      },
    },
    {
      name: 'save writes what was changed, and nothing else',
      run: async (at) => {
        const { id, rose } = await found(at);
        await at.Product.collection.updateOne({ _id: id as never }, { $set: { category: 'elsewhere' } });
        rose.set('price', 13);
        await rose.save();
        const saved = await at.Product.findById(id).orFail();
        assert.deepEqual([saved.get('price'), saved.get('category')], [13, 'elsewhere']);
        assert.equal(await at.Product.countDocuments(), 1);
      },
    },
    {
      name: 'lists can be changed and saved',
      run: async (at) => {
        const { id, rose } = await found(at);
        (rose.get('sizes') as unknown[]).push({ label: 'L', stems: 9 });
        await rose.save();
        const saved = await at.Product.findById(id).orFail();
        assert.deepEqual(
          (saved.get('sizes') as { label: string }[]).map(({ label }) => label),
          ['S', 'L'],
        );
        assert.equal(saved.get('__v'), 1);
      },
    },
    {
      name: 'documents in lists are found by id, and know their parent',
      run: async (at) => {
        const { rose } = await found(at);
        const [size] = rose.get('sizes') as { _id: unknown; parent(): unknown }[];
        assert.equal((rose.get('sizes') as { id(id: unknown): unknown }).id(size!._id), size);
        assert.equal(size!.parent(), rose);
      },
    },
    {
      name: 'validation validates',
      run: async (at) => {
        const { rose } = await found(at);
        rose.set('price', 'dear');
        await assert.rejects(rose.save(), /price/);
      },
    },
    {
      name: 'two that were saved one after the other conflict as ever',
      run: async (at) => {
        const Stock = at.model('Stock', at.schema({ n: Number }, { optimisticConcurrency: true }));
        await Stock.create({ n: 1 });
        const one = await at.hit(() => Stock.findOne().orFail());
        const two = await at.ask(Stock.findOne().orFail());
        await one.set('n', 2).save();
        await assert.rejects(two.set('n', 3).save(), /version/i);
      },
    },
    {
      name: 'deleteOne deletes',
      run: async (at) => {
        const { rose } = await found(at);
        await rose.deleteOne();
        assert.equal(await at.Product.countDocuments(), 0);
      },
    },
    {
      name: 'methods, statics and virtuals are there',
      run: async (at) => {
        const schema = at.schema({ name: String });
        schema.method('greet', function () {
          return `I am ${String(this.get('name'))}`;
        });
        schema.virtual('loud').get(function () {
          return String(this.get('name')).toUpperCase();
        });
        const Herb = at.model('Herb', schema);
        await Herb.create({ name: 'mint' });
        const mint = await at.hit(() => Herb.findOne().orFail());
        assert.equal((mint as unknown as { greet(): string }).greet(), 'I am mint');
        assert.equal(mint.get('loud'), 'MINT');
      },
    },
    {
      name: 'a selection knows what it left out, and saves the rest',
      run: async (at) => {
        const { id } = await planted(at);
        const rose = await at.hit(() => at.Product.findById(id).select('name').orFail());
        assert.equal(rose.isSelected('price'), false);
        assert.equal(rose.get('price'), undefined);
        await rose.set('name', 'Rosa').save();
        assert.equal((await at.Product.findById(id).orFail()).get('price'), 12);
      },
    },
    {
      name: 'a field that is hidden stays hidden',
      run: async (at) => {
        await at.Product.create({ name: 'Rose', hidden: 'x' });
        assert.equal((await at.hit(() => at.Product.findOne().orFail())).get('hidden'), undefined);
      },
    },
    {
      name: 'defaults are set, but not where a field was left out',
      run: async (at) => {
        const Herb = at.model('Herb', at.schema({ name: String, kind: { type: String, default: 'herb' } }));
        await Herb.collection.insertOne({ name: 'mint' });
        assert.equal((await at.hit(() => Herb.findOne().orFail())).get('kind'), 'herb');
        assert.equal((await at.hit(() => Herb.findOne().select('name').orFail())).get('kind'), undefined);
      },
    },
    {
      name: 'fields named like methods of queries and caches',
      run: async (at) => {
        const Odd = at.model('Odd', at.schema({ cache: String, exec: Number, key: String, ttl: Number }));
        await Odd.create({ cache: 'a field', exec: 1, key: 'k', ttl: 0 });
        const odd = await at.hit(() => Odd.findOne({ ttl: 0, key: 'k' }).orFail());
        assert.deepEqual(
          [odd.get('cache'), odd.get('exec'), odd.get('key'), odd.get('ttl')],
          ['a field', 1, 'k', 0],
        );
        await odd.set('cache', 'another').save();
        await at.cache.settle();
        assert.equal((await at.ask(Odd.findOne({ ttl: 0, key: 'k' }).lean()))?.cache, 'another');
      },
    },
    {
      name: 'children of a model are of their own class',
      run: async (at) => {
        const Plant = at.model('Plant', at.schema({ name: String }, { discriminatorKey: 'kind' }));
        const Tree = Plant.discriminator('Tree', at.schema({ height: Number }));
        await Tree.create({ name: 'Oak', height: 9 });
        const [oak] = await at.hit(() => Plant.find());
        assert.ok(oak instanceof Tree);
        assert.equal(oak.get('height'), 9);
      },
    },
    {
      name: 'what is populated is populated, can be taken back, and populated later',
      run: async (at) => {
        const { id, hortus } = await planted(at);
        await at.ask(at.Product.findById(id).populate('supplier').orFail());
        const rose = await at.ask(at.Product.findById(id).populate('supplier').orFail());
        assert.equal(String(rose.populated('supplier')), String(hortus));
        assert.ok(rose.get('supplier') instanceof at.Supplier);
        rose.depopulate('supplier');
        assert.equal(String(rose.get('supplier')), String(hortus));
        const bare = await at.hit(() => at.Product.findById(id).orFail());
        await bare.populate('supplier');
        assert.equal((bare.get('supplier') as { name: string }).name, 'Hortus');
      },
    },
    {
      name: 'hooks of documents and of results run on hits',
      run: async (at) => {
        const told: string[] = [];
        const schema = at.schema({ name: String });
        schema.post('init', () => void told.push('init'));
        schema.post('find', (all: unknown[]) => void told.push(`found ${all.length}`));
        const Herb = at.model('Herb', schema);
        await Herb.insertMany([{ name: 'mint' }]);
        await Herb.find();
        const once = told.splice(0);
        for (const _ of [1, 2]) {
          await at.ask(Herb.find());
          assert.deepEqual(told.splice(0), once);
        }
      },
    },
    {
      name: 'hooks that change results',
      run: async (at) => {
        const schema = at.schema({ name: String, seen: Number });
        schema.post(
          'find',
          (all: { set(path: string, value: number): void; get(path: string): number }[]) => {
            for (const one of all) one.set('seen', (one.get('seen') || 0) + 1);
          },
        );
        const Herb = at.model('Herb', schema);
        await Herb.insertMany([{ name: 'mint' }]);
        for (const _ of [1, 2, 3]) assert.equal((await at.ask(Herb.find()))[0]?.get('seen'), 1);
      },
    },
    {
      name: 'every caller has documents of its own',
      run: async (at) => {
        const { id, rose } = await found(at);
        rose.set('name', 'changed');
        (rose.get('sizes') as { label: string }[])[0]!.label = 'changed';
        (rose.get('attributes') as Map<string, string>).set('colour', 'changed');
        (rose.get('picture') as Buffer).fill(9);
        const again = await at.ask(at.Product.findById(id).orFail());
        assert.equal(JSON.stringify(again), JSON.stringify(await at.Product.findById(id)));
      },
    },
    {
      name: 'every caller has lean objects of its own',
      run: async (at) => {
        const { id } = await planted(at);
        const ask = () => at.Product.findById(id).lean();
        const uncached = JSON.stringify(await ask());
        for (const _ of [1, 2, 3]) {
          const rose = (await at.ask(ask())) as unknown as { name: string; sizes: { label: string }[] };
          assert.equal(JSON.stringify(rose), uncached);
          rose.name = 'changed';
          rose.sizes[0]!.label = 'changed';
          (rose as unknown as { picture: { buffer?: Uint8Array } }).picture.buffer?.fill(9); // where it is bytes
        }
      },
    },
    {
      name: 'every caller has aggregated objects of its own',
      run: async (at) => {
        await planted(at);
        for (const _ of [1, 2, 3]) {
          const [rose] = await at.ask(at.Product.aggregate<{ name: string }>([{ $match: { name: 'Rose' } }]));
          assert.equal(rose?.name, 'Rose');
          rose.name = 'changed';
        }
      },
    },
    {
      name: 'those who ask at once have documents of their own',
      run: async (at) => {
        const { id } = await planted(at);
        const ask = () => at.ask(at.Product.findById(id).orFail());
        const all = await Promise.all(Array.from({ length: 10 }, ask));
        assert.equal(new Set(all).size, 10);
        assert.equal(new Set(all.map((one) => one.get('sizes') as unknown)).size, 10);
      },
    },
    {
      name: 'the caller that asked the database, and the next one, share nothing',
      run: async (at) => {
        const { id } = await planted(at);
        const first = await at.ask(at.Product.findById(id).orFail());
        first.set('name', 'changed');
        const second = await at.ask(at.Product.findById(id).orFail());
        assert.equal(second.get('name'), 'Rose');
        assert.equal(second.isModified(), false);
      },
    },
    {
      name: 'null is cached',
      run: async (at) => assert.equal(await at.hit(() => at.Product.findOne({ name: 'Oak' })), null),
    },
    {
      name: '0 is cached',
      run: async (at) => assert.equal(await at.hit(() => at.Product.countDocuments({ name: 'Oak' })), 0),
    },
    {
      name: '[] is cached',
      run: async (at) => {
        assert.deepEqual(await at.hit(() => at.Product.find({ name: 'Oak' })), []);
        assert.deepEqual(await at.hit(() => at.Product.distinct('name')), []);
        assert.deepEqual(await at.hit(() => at.Product.aggregate([{ $match: { name: 'Oak' } }])), []);
      },
    },
  ],
};
