import { expect, it } from 'vitest';
import mongoose, { type Connection, type Mongoose } from 'mongoose';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import { MongooseCachePlugin } from '../../../src/cache/mongoose/mongoose-cache.plugin.js';
import { describeWith, mongo, redis } from '../../servers/index.js';

interface Side {
  cache: CacheService;
  plugin: MongooseCachePlugin;
}

const newSide = async (): Promise<Side> => {
  const { url, namespace } = redis();
  const cache = await createCache({ redis: { url }, namespace, jitter: 0 });
  return { cache, plugin: new MongooseCachePlugin(cache) };
};
const end = async ({ cache, plugin }: Side) => {
  plugin.detach();
  await cache.close();
};

/** A model whose reads are counted. */
const flowersOf = (connection: Connection) => {
  const Flower = connection.model('Flower', new mongoose.Schema({ name: String }));
  let reads = 0;
  connection.getClient().on('commandStarted', ({ commandName }) => {
    if (commandName === 'find') reads += 1;
  });
  const readsOf = async (work: () => unknown) => {
    const before = reads;
    await work();
    return reads - before;
  };
  return { Flower, readsOf, ask: () => Flower.find().lean().cache({ key: 'flowers' }) };
};
const names = async (asked: PromiseLike<{ name?: string | null }[]>) => (await asked).map(({ name }) => name);

describeWith(['mongo', 'redis'], 'two Mongoose instances with two caches in one process', () => {
  const open = async (base: Mongoose, uri: string) => {
    const side = await newSide();
    side.plugin.attach(base);
    const connection = await base.createConnection(uri, { monitorCommands: true }).asPromise();
    return { ...side, connection, ...flowersOf(connection) };
  };

  it('on one database: each answers from its own cache, is cleared alone, and stays when the other ends', async () => {
    const uri = mongo();
    const one = await open(new mongoose.Mongoose(), uri);
    const other = await open(new mongoose.Mongoose(), uri);
    try {
      await one.Flower.create({ name: 'Rose' });
      expect(await one.readsOf(one.ask)).toBe(1);
      expect(await other.cache.has('flowers')).toBe(false);
      expect(await other.readsOf(other.ask)).toBe(1); // not from the entry of the other
      expect([await one.readsOf(one.ask), await other.readsOf(other.ask)]).toEqual([0, 0]);

      await one.cache.clear();
      expect([await one.readsOf(one.ask), await other.readsOf(other.ask)]).toEqual([1, 0]);
      await one.cache.clearModelCache(one.Flower);
      expect([await one.readsOf(one.ask), await other.readsOf(other.ask)]).toEqual([1, 0]);

      await one.Flower.create({ name: 'Fern' });
      expect(await names(one.ask())).toEqual(['Rose', 'Fern']);
      expect(await other.readsOf(other.ask)).toBe(0); // what one writes, the other's cache is not told of

      one.plugin.detach();
      expect(await one.readsOf(() => one.Flower.find().cache())).toBe(1);
      await other.Flower.create({ name: 'Oak' });
      expect(await names(other.ask())).toEqual(['Rose', 'Fern', 'Oak']);
      expect(await other.readsOf(other.ask)).toBe(0);
    } finally {
      for (const side of [one, other]) {
        await side.connection.close();
        await end(side);
      }
    }
    expect('cache' in mongoose.Query.prototype).toBe(false);
  });

  it('on two databases, with the same models, keys and documents', async () => {
    const one = await open(new mongoose.Mongoose(), mongo());
    const other = await open(new mongoose.Mongoose(), mongo());
    try {
      const _id = new mongoose.Types.ObjectId();
      await one.Flower.create({ _id, name: 'Rose' });
      await other.Flower.create({ _id, name: 'Fern' });
      expect([await names(one.ask()), await names(other.ask())]).toEqual([['Rose'], ['Fern']]);
      expect([await one.cache.get('flowers'), await other.cache.get('flowers')]).toMatchObject([
        [{ name: 'Rose' }],
        [{ name: 'Fern' }],
      ]);
      await one.Flower.updateOne({ _id }, { name: 'Moss' });
      expect(await other.readsOf(other.ask)).toBe(0);
      expect([await names(one.ask()), await names(other.ask())]).toEqual([['Moss'], ['Fern']]);
    } finally {
      for (const side of [one, other]) {
        await side.connection.close();
        await end(side);
      }
    }
  });
});

describeWith(['mongo', 'redis'], 'one connection that is attached to two caches', () => {
  it('its queries are answered by the one that came last, its writes are told to both', async () => {
    const [first, second] = [await newSide(), await newSide()];
    const connection = await mongoose.createConnection(mongo(), { monitorCommands: true }).asPromise();
    const { Flower, ask, readsOf } = flowersOf(connection);
    try {
      first.plugin.attach(connection);
      await ask();
      second.plugin.attach(connection);
      expect(await readsOf(ask)).toBe(1);
      expect(await readsOf(ask)).toBe(0);
      await Flower.create({ name: 'Rose' });
      expect([await first.cache.get('flowers'), await second.cache.get('flowers')]).toEqual([
        undefined,
        undefined,
      ]);
      await ask();
      second.plugin.detach();
      expect(await readsOf(ask)).toBe(1); // by the first one again
      expect(await readsOf(ask)).toBe(0);
    } finally {
      await connection.close();
      await end(first);
      await end(second);
    }
  });

  it.each(['the first', 'the second'])('so are those of `useDb`, also when %s is gone', async (gone) => {
    const [first, second] = [await newSide(), await newSide()];
    const connection = await mongoose.createConnection(mongo(), { monitorCommands: true }).asPromise();
    const tenant = () => connection.useDb(new URL(mongo()).pathname.slice(1));
    try {
      first.plugin.attach(connection);
      second.plugin.attach(connection);
      const { Flower, ask } = flowersOf(tenant());
      await ask();
      expect([await first.cache.has('flowers'), await second.cache.has('flowers')]).toEqual([false, true]);
      await Flower.create({ name: 'Rose' });
      expect(await names(ask())).toEqual(['Rose']);

      const [left, ended] = gone === 'the first' ? [second, first] : [first, second];
      ended.plugin.detach();
      for (const { Flower: Later, ask: askLater, readsOf } of [flowersOf(tenant())]) {
        await askLater();
        expect(await readsOf(askLater)).toBe(0);
        expect(await left.cache.has('flowers')).toBe(true);
        await Later.create({ name: 'Fern' });
        expect(await names(askLater())).toEqual(['Fern']);
      }
      left.plugin.detach();
      expect(Object.hasOwn(connection, 'useDb')).toBe(false);
    } finally {
      await connection.close();
      await end(first);
      await end(second);
    }
  });
});
