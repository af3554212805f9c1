import { expect, it } from 'vitest';
import { DriverEngine } from '../../src/backup/engine/driver/driver.engine.js';
import { MongodumpEngine } from '../../src/backup/engine/mongodump.engine.js';
import { describeWith, mongo, tools, unique } from '../servers/index.js';
import { dumpEngineContract } from './dump-engine.js';

const MANNER = { concurrency: 3 };

describeWith(['mongo', 'tools'], 'the engine driver', () => {
  dumpEngineContract(() => {
    const uri = mongo();
    const engine = new DriverEngine(uri, MANNER);
    const other = new MongodumpEngine(uri, { directory: tools() }, MANNER);
    return { engine, other, uri, names: [unique(), unique()] };
  });
});

describeWith(['mongo', 'tools'], 'the engine driver, which may read from others than the primary,', () => {
  dumpEngineContract(() => {
    const uri = mongo();
    const engine = new DriverEngine(uri, { concurrency: 1, readPreference: 'secondaryPreferred' });
    const other = new MongodumpEngine(
      uri,
      { directory: tools() },
      { concurrency: 1, readPreference: 'nearest' },
    );
    return { engine, other, uri, names: [unique(), unique()] };
  });
});

describeWith(['mongo', 'tools'], 'the engine mongodump', () => {
  dumpEngineContract(() => {
    const uri = mongo();
    const engine = new MongodumpEngine(uri, { directory: tools() }, MANNER);
    const other = new DriverEngine(uri, MANNER);
    return { engine, other, uri, names: [unique(), unique()] };
  });
});

describeWith(['mongo'], 'the engine driver', () => {
  it('says at once that it does not capture the log of a replica set', async () => {
    const engine = new DriverEngine(mongo(), MANNER);
    const dump = engine.source({ database: '*', oplog: true });
    await expect(dump).rejects.toMatchObject({ code: 'OPLOG_UNAVAILABLE' });
  });
});
