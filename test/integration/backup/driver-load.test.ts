import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { finished } from 'node:stream/promises';
import { inspect } from 'node:util';
import mongoose from 'mongoose';
import { expect, it } from 'vitest';
import { DriverEngine } from '../../../src/backup/engine/driver/driver.engine.js';
import { DriverLoad } from '../../../src/backup/engine/driver/driver-load.js';
import type { Load } from '../../../src/backup/engine/dump-engine.js';
import { describeWith } from '../../servers/index.js';
import { archive } from '../../unit/backup/archive-bytes.js';
import { failureOf, finally_, ground } from './ground.js';

const { BSON } = mongoose.mongo;
const { signal: never } = new AbortController();

describeWith('mongo', 'a restore by the driver', () => {
  it('goes on while the application does not let its event loop run', async () => {
    const { db, uri } = await ground();
    const collections = ['roses', 'tulips'];
    const load = await begun(uri, db.databaseName, collections);
    const bytes = archiveOf(db.databaseName, collections, 10_000);
    await new Promise<void>((handedOver) => load.archive.end(bytes, () => handedOver()));

    const seen = whileNothingElseRuns(
      `let counts = [];
       while (counts.length !== 2 || counts.some((count) => count !== 10_000))
         counts = await Promise.all(['roses', 'tulips'].map((name) => db.collection(name).countDocuments()));
       console.log(counts.join());`,
      uri,
      db.databaseName,
    );

    expect(seen).toBe('10000,10000');
    expect(await load.finished).toBe(20_000);
  });

  it('is not over before what it has sent to the server has arrived there', async () => {
    const { db, uri } = await ground();
    const client = await mongoose.mongo.MongoClient.connect(uri, { monitorCommands: true });
    finally_(() => client.close());
    const { databaseName: database } = db;
    const namespaces = [{ database, collection: 'roses' }];
    const load = new DriverLoad(client, { namespaces, into: new Map(), unchecked: false });
    let underWay = 0;
    client.on('commandStarted', ({ commandName }) => {
      if (commandName !== 'insert') return;
      underWay++;
      load.destroy(new Error('enough'));
    });
    for (const over of ['commandSucceeded', 'commandFailed'])
      client.on(
        over,
        ({ commandName }: { commandName: string }) => void (commandName === 'insert' && underWay--),
      );
    load.write(archiveOf(database, ['roses'], 30_000));

    expect(await failureOf(finished(load))).toMatchObject({ message: 'enough' });

    expect(underWay).toBe(0);
  });

  it('says what is wrong with the server, not with the archive, when that is not to be reached', async () => {
    const uri = 'mongodb://user:s3cret@127.0.0.1:1/shop?serverSelectionTimeoutMS=100';
    const load = await begun(uri, 'shop', ['roses']);
    load.archive.end(archiveOf('shop', ['roses'], 1));

    const failure = await failureOf(load.finished);

    expect(failure).toMatchObject({ code: 'SERVER_UNREACHABLE' });
    expect(inspect(failure, { depth: 12 })).not.toContain('s3cret');
  });
});

async function begun(uri: string, database: string, collections: readonly string[]): Promise<Load> {
  const engine = new DriverEngine(uri, { concurrency: 1 });
  const namespaces = collections.map((collection) => ({ database, collection }));
  return engine.load({ namespaces, into: new Map(), unchecked: false }, never);
}

/** Each collection with so many documents. */
function archiveOf(db: string, collections: readonly string[], documents: number): Buffer {
  const segments = [
    Array.from({ length: documents }, (_, _id) =>
      Buffer.from(BSON.serialize({ _id, flower: 'x'.repeat(50) })),
    ),
  ];
  return archive(collections.map((collection) => ({ db, collection, segments })));
}

/** What a program prints about a database while this process waits for it and does nothing else. */
function whileNothingElseRuns(program: string, uri: string, database: string): string {
  const script = `
    const mongoose = require(${JSON.stringify(createRequire(import.meta.url).resolve('mongoose'))});
    (async () => {
      const client = await mongoose.mongo.MongoClient.connect(${JSON.stringify(uri)});
      const db = client.db(${JSON.stringify(database)});
      ${program}
      await client.close();
    })();`;
  return execFileSync(process.execPath, ['-e', script], { timeout: 40_000 }).toString().trim();
}
