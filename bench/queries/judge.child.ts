// One process for one cache: `judge.ts` tells it which case to put to it.
import { createClient } from 'redis';
import { groups } from '../../test/conformance/queries/all.js';
import { NotAsked } from '../../test/conformance/queries/case.js';
import { Place } from '../../test/conformance/queries/place.js';
import type { CacheUnderTest, QueryCache } from '../../test/conformance/queries/query-cache.js';
import { withWays } from '../../test/conformance/queries/ways.js';
import { withDatabase } from '../../src/flora/servers/with-database.js';
import type { Question, Verdict } from './judge.js';

const [module, variant, mongoUrl, redisUrl] = process.argv.slice(2) as [string, string, string, string];
process.on('disconnect', () => process.exit());
// What goes wrong behind a case's back is seen in what the case looks at.
process.on('unhandledRejection', () => {});

const { cacheUnderTest } = (await import(module)) as { cacheUnderTest: (variant: string) => CacheUnderTest };
const underTest = cacheUnderTest(variant);
const redis = await createClient({ url: redisUrl }).connect();
const ways = await withWays(mongoUrl, redisUrl, '');
let cache: QueryCache | undefined;

process.on('message', (question: Question) => void put(question).then((verdict) => process.send?.(verdict)));
process.send?.({ outcome: 'kept' } satisfies Verdict);

async function put({ group, name, database }: Question): Promise<Verdict> {
  const one = groups.find(({ name }) => name === group)?.cases.find((one) => one.name === name);
  if (!one) throw new Error(`there is no case ${name}`);
  if (one.needs?.some((offer) => !underTest.offers.has(offer))) return { outcome: 'not offered' };
  await redis.flushAll();
  const servers = {
    ...ways.servers,
    mongoUri: withDatabase(ways.servers.mongoUri, database),
    directMongoUri: withDatabase(ways.servers.directMongoUri, database),
    namespace: underTest.name === 'flora' ? database : '',
  };
  try {
    if (underTest.name === 'flora') cache = await underTest.open(servers);
    cache ??= await underTest.open(servers);
    const place = await Place.open(underTest, cache, servers);
    try {
      await one.run(place);
    } finally {
      await place.close();
      await cache.close();
    }
    return { outcome: 'kept' };
  } catch (error) {
    if (error instanceof NotAsked) return { outcome: 'not asked', why: error.message };
    return {
      outcome: 'broken',
      why: (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '',
    };
  }
}
