import mongoose from 'mongoose';
import { createClient } from 'redis';
import { expect, it, onTestFinished } from 'vitest';
import { describeWith, mongo, redis, tools } from '../servers/index.js';
import { startCommand } from './command.js';

const STEPS = 14;
const count = (text: string, mark: string): number =>
  text.match(new RegExp(`^ +\\d+ ${mark} `, 'gm'))?.length ?? 0;

describeWith(['mongod', 'redis-server', 'tools'], 'npm run tour', () => {
  it('finds everything as promised, and leaves nothing behind', async () => {
    const tour = await startCommand('tour', { MONGO_TOOLS_DIR: tools() });
    const { exitCode, printed } = await tour.ended();
    expect(printed).toContain(`${STEPS} steps, all as promised`);
    expect(count(printed, '✓')).toBe(STEPS);
    expect(exitCode).toBe(0);
    expect(await tour.leftovers()).toEqual([]);
  });

  it('leaves nothing behind when it is cut off', async () => {
    const tour = await startCommand('tour', { MONGO_TOOLS_DIR: tools() });
    await tour.until(/^ +3 ✓ /m);
    tour.kill('SIGINT');
    const { exitCode, printed } = await tour.ended();
    expect(exitCode).toBe(1);
    expect(printed).toContain('The tour was cut off.');
    expect(await tour.leftovers()).toEqual([]);
  });

  it('skips what can’t be had, and says why', async () => {
    const tour = await startCommand('tour', {
      MONGO_TOOLS_DIR: '/nonexistent/tools',
      REDIS_SERVER_BINARY: '/nonexistent/redis-server',
    });
    const { exitCode, printed } = await tour.ended();
    expect(printed).toContain(`${STEPS - 6} steps, all as promised, 6 skipped`);
    expect(printed).toContain('there is no Redis');
    expect(printed).toContain('mongodump');
    expect(exitCode).toBe(0);
    expect(await tour.leftovers()).toEqual([]);
  });
});

describeWith(['mongo', 'redis', 'tools'], 'npm run tour on servers that MONGO_URI and REDIS_URL name', () => {
  it('stops no server, and touches nothing but a database and keys of its own, which are gone afterwards', async () => {
    const uri = mongo();
    const { url, namespace } = redis();
    const connection = await mongoose.createConnection(uri).asPromise();
    onTestFinished(() => connection.close());
    await connection.collection('orders').insertOne({ mine: true });
    const client = await createClient({ url }).connect();
    onTestFinished(() => client.destroy());
    await client.set(`${namespace}:mine`, 'yes');

    const tour = await startCommand('tour', { MONGO_URI: uri, REDIS_URL: url, MONGO_TOOLS_DIR: tools() });
    const { exitCode, printed } = await tour.ended();
    expect(printed).toContain(`${STEPS - 3} steps, all as promised, 3 skipped`);
    expect(printed).toContain('not the tour’s to stop');
    expect(exitCode).toBe(0);

    expect(
      await connection
        .collection('orders')
        .find({}, { projection: { _id: 0 } })
        .toArray(),
    ).toEqual([{ mine: true }]);
    const { databases } = await connection.getClient().db().admin().listDatabases({ nameOnly: true });
    expect(databases.filter(({ name }) => name.startsWith('flora-tour-'))).toEqual([]);
    expect(await client.get(`${namespace}:mine`)).toBe('yes');
    expect(await client.keys('*flora-tour-*')).toEqual([]);
    expect(await tour.leftovers()).toEqual([]);
  });
});
