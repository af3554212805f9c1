import { createServer, type Socket, connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { ownerMark } from '../../../src/backup/process-owner.js';
import { describeWith, startOwnMongo } from '../../servers/index.js';
import { contentOf, type Db, describeEngines, failureOf, finally_, ground } from './ground.js';

describeWith('mongod', 'a swap whose connection breaks', () => {
  it.each([
    ['after the server was asked for a rename, and before its answer', true],
    ['before the server was asked for a rename', false],
  ])('%s, is finished', async (_, reaches) => {
    const server = await startOwnMongo({ replicaSet: false });
    finally_(() => server.stop());
    const cut = await cutter(server.port, reaches);
    const { db, service } = await ground({ uri: `mongodb://127.0.0.1:${cut.port}/shop`, engine: 'driver' });
    for (const name of ['a', 'b', 'c']) await db.collection(name).insertOne({ from: 'backup' });
    const { id } = await service.createBackup();
    const full = await contentOf(db);
    for (const name of ['a', 'b', 'c']) await db.collection(name).updateOne({}, { $set: { from: 'now' } });

    cut.arm();
    await service.restoreBackup(id, { force: true });

    expect(cut.count()).toBe(1);
    expect(await contentOf(db)).toEqual(full);
  });
});

describeEngines('a restore with force', () => {
  it('puts views in place that do not go together with those that are there', async () => {
    const { db, service } = await ground();
    await db.collection('base').insertOne({ name: 'e' });
    const french = { collation: { locale: 'fr' } };
    await db.createCollection('x', { viewOn: 'base', pipeline: [] });
    await db.createCollection('y', { viewOn: 'x', pipeline: [] });
    await db.createCollection('inner', { viewOn: 'base', pipeline: [], ...french });
    await db.createCollection('outer', { viewOn: 'inner', pipeline: [], ...french });
    const before = await contentOf(db);
    const { id } = await service.createBackup();
    for (const name of ['x', 'y', 'inner', 'outer']) await db.collection(name).drop();
    const english = { collation: { locale: 'en' } };
    await db.createCollection('y', { viewOn: 'base', pipeline: [] });
    await db.createCollection('x', { viewOn: 'y', pipeline: [] });
    await db.createCollection('inner', { viewOn: 'base', pipeline: [], ...english });
    await db.createCollection('outer', { viewOn: 'inner', pipeline: [], ...english });

    await service.restoreBackup(id, { force: true });

    expect(await contentOf(db)).toEqual(before);
  });
});

describeWith(['mongo', 'tools'], 'a swap that somebody has left', () => {
  it('and whose collections somebody has removed, says which, is over, and leaves these as they were', async () => {
    const { db, service } = await ground();
    const mark = await left(db, { state: 'forward', replace: true, at: 0 });
    await db.collection(`flora_restore.${mark}.b`).insertOne({ from: 'backup' });

    expect(await failureOf(service.createBackup())).toMatchObject({
      code: 'RESTORE_MISMATCH',
      message: expect.stringContaining(`${db.databaseName}.c`),
    });

    expect(await froms(db)).toEqual({ a: 'now', b: 'backup', c: 'now' });
    expect(await service.createBackup()).toMatchObject({ documents: 3 });
  });

  it('to be taken back, never takes what it has not put there', async () => {
    for (const [replace, at] of [
      [true, 0],
      [true, 2],
      [false, -1],
    ] as const) {
      const { db, another } = await ground();
      await left(db, { state: 'back', replace, at });

      await another();

      expect(await froms(db)).toEqual({ a: 'now', b: 'now', c: 'now' });
      expect((await db.listCollections().toArray()).length).toBe(3);
    }
  });
});

/** The journal of a swap of three collections that nobody is at any more, all three as they are now. */
async function left(db: Db, record: object): Promise<string> {
  const names = ['a', 'b', 'c'];
  for (const name of names) await db.collection(name).insertOne({ from: 'now' });
  const mark = `${ownerMark()}.0123abcd`;
  const steps = names.map((collection) => ({ database: db.databaseName, collection, way: 'swap' }));
  await db
    .collection<Record<string, unknown>>(`flora_swap.${mark}`)
    .insertOne({ _id: 'note' as never, mark, owner: '', locks: '', token: 1, placed: [], steps, ...record });
  return mark;
}

async function froms(db: Db): Promise<Record<string, unknown>> {
  const found = ['a', 'b', 'c'].map(async (name) => [name, (await db.collection(name).findOne())?.['from']]);
  return Object.fromEntries(await Promise.all(found));
}

/** Stands before a server; once it is armed it cuts the first connection that asks for a rename. */
async function cutter(to: number, reaches: boolean) {
  let isArmed = false;
  let cuts = 0;
  const sockets = new Set<Socket>();
  const proxy = createServer((client) => {
    const server = connect(to, '127.0.0.1');
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        client.destroy();
        server.destroy();
      });
    }
    server.pipe(client);
    client.on('data', (chunk: Buffer) => {
      if (!isArmed || !chunk.includes('renameCollection')) return server.write(chunk);
      isArmed = false;
      cuts++;
      server.unpipe(client);
      if (reaches) server.write(chunk);
      return setTimeout(() => client.destroy(), 500);
    });
  });
  await new Promise<void>((listening) => proxy.listen(0, '127.0.0.1', listening));
  finally_(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((closed) => proxy.close(closed));
  });
  return {
    port: (proxy.address() as AddressInfo).port,
    arm: () => {
      isArmed = true;
    },
    count: () => cuts,
  };
}
