// `npm run compare:queries [-- name …]`: the cases of test/conformance/queries put to our cache and to its peers.
// With names only these are asked, and nothing is written.
import { startMongod } from '../../src/flora/servers/mongod.js';
import { startRedisServer } from '../../src/flora/servers/redis-server.js';
import { findMongod, findRedisServer } from '../../src/flora/servers/resolve.js';
import * as ours from '../../test/conformance/queries/ours.js';
import { judge } from './judge.js';
import * as recachegoose from './peers/recachegoose.js';
import * as speedgoose from './peers/speedgoose.js';
import * as tsCacheMongoose from './peers/ts-cache-mongoose.js';
import { comparisonReport, versionsOf, writeComparison, type Comparison } from './report.js';

const CACHES = [
  { cache: ours.cacheUnderTest('memory and Redis'), how: 'on Mongoose 9' },
  {
    cache: speedgoose.cacheUnderTest('Redis'),
    how: 'with its plugin on every schema, on Mongoose 8 (on 9 its hooks make writes fail); after each write it was given 100 ms',
  },
  { cache: tsCacheMongoose.cacheUnderTest('Redis'), how: 'on Mongoose 9' },
  { cache: recachegoose.cacheUnderTest('Redis'), how: 'on Mongoose 8 (its range ends there)' },
];
const PEERS = ['speedgoose', 'ts-cache-mongoose', 'recachegoose'];

const asked = process.argv.slice(2);
const mongod = await startMongod(await findMongod({ log: console.log }));
const redis = await startRedisServer(await findRedisServer({ log: console.log }));
try {
  const caches: Comparison['caches'] = [];
  const versions = { ...versionsOf(PEERS), MongoDB: mongod.version, Redis: redis.version };
  for (const { cache, how } of CACHES) {
    if (asked.length > 0 && !asked.includes(cache.name)) continue;
    const judged = await judge(cache, { mongoUrl: mongod.url, redisUrl: redis.url });
    caches.push({ name: cache.name, how, judged });
    console.log(`${cache.name}: ${judged.length} cases`);
    if (asked.length === 0) continue;
    for (const { group, name, outcome, why } of judged)
      if (outcome === 'broken') console.log(`  ${group}: ${name}: ${why}`);
  }
  const comparison = { date: new Date().toISOString(), versions, caches };
  console.log(comparisonReport(comparison));
  if (asked.length === 0)
    for (const file of await writeComparison(comparison)) console.log(`written: ${file}`);
} finally {
  await Promise.all([mongod.stop(), redis.stop()]);
}
