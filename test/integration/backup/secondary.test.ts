import mongoose from 'mongoose';
import { expect, it } from 'vitest';
import { describeWith, startOwnMongo, tools } from '../../servers/index.js';
import { contentOf, failureOf, finally_, ground, plantShop } from './ground.js';
import { until } from './processes.js';

describeWith(['mongod', 'tools'], 'a connection string that reads from a secondary', () => {
  it('restores by what the primary holds, however far the secondary is behind', async () => {
    const uri = await withOneBehind();
    const { service, another, db } = await ground({ uri: `${uri}&readPreference=primary` });
    await plantShop(db);
    const before = await contentOf(db);
    const { id } = await service.createBackup({ database: db.databaseName });

    for (const engine of ['driver', 'mongodump'] as const) {
      const own = await another({
        uri: `${uri}&readPreference=secondary`,
        engine,
        tools: { directory: tools() },
      });
      expect(await failureOf(own.restoreBackup(id))).toMatchObject({ code: 'TARGET_NOT_EMPTY' });
      await db.collection('orders').deleteMany({});
      await own.restoreBackup(id, { force: true });
      expect(await contentOf(db)).toEqual(before);
      await db.dropDatabase();
      await own.restoreBackup(id);
      expect(await contentOf(db)).toEqual(before);
    }
  });
});

/** A replica set whose only secondary does not hear of anything that is new. */
async function withOneBehind(): Promise<string> {
  const args = ['--replSet', 'two', '--setParameter', 'enableTestCommands=1'];
  const servers = await Promise.all([1, 2].map(() => startOwnMongo({ replicaSet: false, args })));
  for (const server of servers) finally_(() => server.stop());
  const hosts = servers.map(({ port }) => `127.0.0.1:${port}`);
  const first = await mongoose.mongo.MongoClient.connect(`mongodb://${hosts[0]}/?directConnection=true`);
  finally_(() => first.close());
  const admin = first.db('admin');
  const members = [
    { _id: 0, host: hosts[0] },
    { _id: 1, host: hosts[1], priority: 0, votes: 0 },
  ];
  await admin.command({ replSetInitiate: { _id: 'two', members } });
  await until(async () => {
    const { members } = await admin.command({ replSetGetStatus: 1 });
    const states = (members as { stateStr: string }[]).map(({ stateStr }) => stateStr);
    return states.join() === 'PRIMARY,SECONDARY';
  });
  const second = await mongoose.mongo.MongoClient.connect(`mongodb://${hosts[1]}/?directConnection=true`);
  finally_(() => second.close());
  await second.db('admin').command({ configureFailPoint: 'stopReplProducer', mode: 'alwaysOn' });
  return `mongodb://${hosts.join()}/?replicaSet=two`;
}
