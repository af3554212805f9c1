import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type mongoose from 'mongoose';
import { createClient } from 'redis';
import { describeWith, startOwnRedis, type RunningServer } from '../../servers/index.js';
import { openShop, type Shop } from './shop.js';

/** Of a Redis that nobody else uses: every command that a client sends, as Redis itself tells them. */
async function watchCommands(url: string) {
  const watcher = createClient({ url });
  await watcher.connect();
  const marker = createClient({ url });
  await marker.connect();
  const lines: string[] = [];
  await watcher.monitor((line) => lines.push(line));
  const marked = async () => {
    const mark = randomUUID();
    await marker.echo(mark);
    const at = () => lines.findIndex((line) => line.includes(mark));
    await expect.poll(at).toBeGreaterThanOrEqual(0);
    return at();
  };
  return {
    /** What was sent while `work` was done. */
    of: async (work: () => unknown): Promise<string[]> => {
      const begin = await marked();
      await work();
      const end = await marked();
      // What a script does is part of its command. Connections greet, are kept alive, and are heard.
      return lines
        .slice(begin + 1, end)
        .filter((line) => !line.includes(' lua]') && !/"(?:PING|HELLO|CLIENT)"|:bus:[^"]*" "0"/i.test(line));
    },
    close: () => {
      watcher.destroy();
      marker.destroy();
    },
  };
}

describeWith(['mongo', 'redis-server'], 'what Redis is asked', () => {
  let server: RunningServer;
  let shop: Shop;
  let commands: Awaited<ReturnType<typeof watchCommands>>;
  let id: mongoose.Types.ObjectId;

  beforeAll(async () => {
    server = await startOwnRedis();
    shop = await openShop({ cache: { redis: { url: server.url } } });
    await shop.Product.createCollection();
    commands = await watchCommands(server.url);
  });
  afterAll(async () => {
    commands.close();
    await shop.close();
    await server.stop();
  });
  beforeEach(async () => {
    id = (await shop.Product.create({ name: 'Rose', price: 12 }))._id; // the script is known by then
  });

  it('by queries that are not marked: nothing', async () => {
    const { Product } = shop;
    await Product.find().cache();
    const asked = await commands.of(async () => {
      await Product.find({ name: 'Rose' });
      await Product.findById(id).lean();
      await Product.exists({ name: 'Rose' });
      await Product.countDocuments();
      await Product.estimatedDocumentCount();
      await Product.distinct('name');
      await Product.aggregate([{ $match: { name: 'Rose' } }]);
      await Product.find().populate('supplier').cache(false);
      for await (const one of Product.find().cursor()) void one;
    });
    expect(asked).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    ['save', () => new shop.Product({ name: 'Fern' }).save()],
    ['updateOne by _id', () => shop.Product.updateOne({ _id: id }, { price: 1 })],
    ['updateMany', () => shop.Product.updateMany({}, { price: 2 })],
    ['deleteOne', () => shop.Product.deleteOne({ _id: id })],
    ['findOneAndUpdate', () => shop.Product.findOneAndUpdate({ name: 'Rose' }, { price: 3 })],
    [
      'insertMany of a hundred',
      () => shop.Product.insertMany(Array.from({ length: 100 }, (_, nth) => ({ name: String(nth) }))),
    ],
    [
      'bulkWrite',
      () =>
        shop.Product.bulkWrite([
          { updateOne: { filter: { _id: id }, update: { price: 4 } } },
          { deleteMany: { filter: { name: 'Rose' } } },
          { insertOne: { document: { name: 'Oak', sizes: [] } } },
        ]),
    ],
    ['an aggregate with $merge', () => shop.Product.aggregate([{ $merge: { into: 'suppliers' } }])],
    [
      'a transaction of three writes',
      () =>
        shop.connection.transaction(async (session) => {
          await shop.Product.updateOne({ _id: id }, { price: 5 }, { session });
          await shop.Product.create([{ name: 'Elm' }], { session });
          await shop.Product.deleteMany({ name: 'Fern' }, { session });
        }),
    ],
  ])('by %s: one command', async (_, write) => {
    expect(await commands.of(write)).toHaveLength(1);
  });

  it('by a transaction that is aborted: nothing', async () => {
    const session = await shop.connection.startSession();
    const asked = await commands.of(async () => {
      session.startTransaction();
      await shop.Product.updateOne({ _id: id }, { price: 6 }, { session });
      await session.abortTransaction();
    });
    await session.endSession();
    expect(asked).toEqual([]);
  });

  it('by hits of memory: nothing', async () => {
    const ask = () => shop.Product.findById(id).cache();
    await ask();
    expect(await commands.of(() => Promise.all([ask(), ask(), ask()]))).toEqual([]);
  });
});

describeWith(['mongo', 'redis-server'], 'without memory', () => {
  it('a hit asks Redis for the entry, and nothing else', async () => {
    const server = await startOwnRedis();
    const shop = await openShop({ cache: { redis: { url: server.url }, memory: false } });
    const commands = await watchCommands(server.url);
    try {
      await shop.Product.create({ name: 'Rose' });
      const ask = () => shop.Product.find().cache();
      await ask();
      await ask(); // its tags are known by then
      expect(await commands.of(ask)).toHaveLength(1);
    } finally {
      commands.close();
      await shop.close();
      await server.stop();
    }
  });
});
