import { version } from 'mongoose';
import { expect, it } from 'vitest';
import { NotAsked, type Group } from '../../../conformance/queries/case.js';
import { cacheUnderTest, variants } from '../../../conformance/queries/ours.js';
import { Place } from '../../../conformance/queries/place.js';
import { withWays } from '../../../conformance/queries/ways.js';
import { describeWith, mongo, redis } from '../../../servers/index.js';

/** Some cases start processes, which takes its time on a machine that is busy. */
const TIMEOUT = 120_000;

/** With Mongoose 8 once will do: what differs is on its side. */
const tried = version.startsWith('8') ? variants.slice(0, 1) : variants;

/** Puts every case of a group to our cache, with memory and without; each has a database and a namespace of its own. */
export function conform({ name, cases }: Group): void {
  for (const variant of tried) {
    describeWith(['mongo', 'redis'], `${name}: ${variant}`, () => {
      it.concurrent.for(cases.map((one) => [one.name, one] as const))(
        '%s',
        { timeout: TIMEOUT },
        async ([, one], { skip }) => {
          const { url, namespace } = redis();
          const ways = await withWays(mongo(), url, namespace);
          const underTest = cacheUnderTest(variant);
          const cache = await underTest.open(ways.servers);
          const place = await Place.open(underTest, cache, ways.servers);
          try {
            const outcome = await one.run(place).then(() => 'kept', notAsked);
            if (outcome !== 'kept') skip(outcome);
            expect(outcome).toBe('kept');
          } finally {
            await place.close();
            await cache.close();
            await ways.close();
          }
        },
      );
    });
  }
}

function notAsked(error: unknown): string {
  if (error instanceof NotAsked) return error.message;
  throw error;
}
