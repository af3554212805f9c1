// `npm run compare:queries [-- name …]`: the cases of test/conformance/queries put to our cache and to its peers.
import { startMongod } from '../../src/flora/servers/mongod.js';
import { startRedisServer } from '../../src/flora/servers/redis-server.js';
import { findMongod, findRedisServer } from '../../src/flora/servers/resolve.js';
import * as ours from '../../test/conformance/queries/ours.js';
import { judge, type Judged } from './judge.js';
import * as recachegoose from './peers/recachegoose.js';
import * as speedgoose from './peers/speedgoose.js';
import * as tsCacheMongoose from './peers/ts-cache-mongoose.js';

const CACHES = [
  ours.cacheUnderTest('memory and Redis'),
  speedgoose.cacheUnderTest('Redis'),
  tsCacheMongoose.cacheUnderTest('Redis'),
  recachegoose.cacheUnderTest('Redis'),
];

const asked = process.argv.slice(2);
const mongod = await startMongod(await findMongod({ log: console.log }));
const redis = await startRedisServer(await findRedisServer({ log: console.log }));
try {
  const results: Record<string, Judged[]> = {};
  for (const cache of CACHES) {
    if (asked.length > 0 && !asked.includes(cache.name)) continue;
    const judged = await judge(cache, { mongoUrl: mongod.url, redisUrl: redis.url });
    results[cache.name] = judged;
    for (const { group, name, outcome, why } of judged)
      if (outcome === 'broken') console.log(`${cache.name}: ${group}: ${name}: ${why}`);
    console.log(
      `${cache.name}: ${judged.filter(({ outcome }) => outcome === 'kept').length}/${judged.length}`,
    );
  }
} finally {
  await Promise.all([mongod.stop(), redis.stop()]);
}
