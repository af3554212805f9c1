import { existsSync } from 'node:fs';
import mongoose from 'mongoose';
import { createClient } from 'redis';
import { expect, it } from 'vitest';
import { describeWith, mongo, redis, startOwnMongo, startOwnRedis, tools } from '../servers/index.js';

describeWith('mongo', 'the shared MongoDB', () => {
  it('has transactions and change streams, in a database of the test alone', async () => {
    const client = await mongoose.mongo.MongoClient.connect(mongo());
    const roses = client.db().collection('roses');
    const changes = roses.watch();
    const change = changes.next();
    await client.withSession((session) =>
      session.withTransaction(async () => {
        await roses.insertOne({ colour: 'red' }, { session });
      }),
    );
    expect(await change).toMatchObject({ operationType: 'insert', fullDocument: { colour: 'red' } });
    await changes.close();
    await client.close();
    expect(mongo()).not.toBe(mongo());
  });
});

describeWith('redis', 'the shared Redis', () => {
  it('answers', async () => {
    const { url, namespace } = redis();
    const client = await createClient({ url }).connect();
    await client.set(`${namespace}:a`, '1');
    expect(await client.get(`${namespace}:a`)).toBe('1');
    client.destroy();
  });
});

describeWith('tools', 'the MongoDB tools', () => {
  it('are in the folder that is named', () => {
    expect(existsSync(`${tools()}/mongodump`)).toBe(true);
    expect(existsSync(`${tools()}/mongorestore`)).toBe(true);
  });
});

describeWith('redis-server', 'an own Redis', () => {
  it('comes back on the same port after a kill -9', async () => {
    const first = await startOwnRedis();
    await first.kill('SIGKILL');
    const second = await startOwnRedis({ port: first.port, args: ['--maxmemory', '5mb'] });
    const client = await createClient({ url: first.url }).connect();
    expect(await client.configGet('maxmemory')).toEqual({ maxmemory: String(5 * 1024 * 1024) });
    client.destroy();
    await first.stop();
    await second.stop();
  });
});

describeWith('mongod', 'an own MongoDB', () => {
  it('can ask for a password', async () => {
    const server = await startOwnMongo({ user: { name: 'florist', password: 'p@ss/word' } });
    const anonymous = await mongoose.mongo.MongoClient.connect(server.url.replace(/\/\/.*@/, '//'));
    await expect(anonymous.db('shop').collection('a').findOne()).rejects.toThrow(/requires authentication/);
    await anonymous.close();
    const client = await mongoose.mongo.MongoClient.connect(server.url);
    expect(await client.db('shop').collection('a').findOne()).toBeNull();
    await client.close();
    await server.stop();
  });

  it('can be a standalone', async () => {
    const server = await startOwnMongo({ replicaSet: false, user: { name: 'florist', password: 'secret' } });
    const client = await mongoose.mongo.MongoClient.connect(server.url);
    expect((await client.db('admin').command({ hello: 1 }))['setName']).toBeUndefined();
    await client.close();
    await server.stop();
  });
});
