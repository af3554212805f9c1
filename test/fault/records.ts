import type { CacheService } from '../../src/cache/cache.service.js';

/** One key of a caller's namespace, and the record behind it: a database of one number, which only grows. */
export interface Record {
  readonly key: string;
  /** What the database holds now. */
  truth: number;
  /** What it held when the last finished change of the process began: nothing older may be read there. */
  finished: number;
  /** Deleted or invalidated, and not stored again since. */
  isGone: boolean;
}

/** A namespace in which one caller changes things, one change after the other, and many read. */
export interface Shelf {
  readonly name: string;
  readonly records: readonly Record[];
}

export const TAG = 'petal';
const TTL = 600;

export const newShelf = (name: string): Shelf => ({
  name,
  records: ['a', 'b', 'c'].map((key) => ({ key, truth: 1, finished: 0, isGone: true })),
});

interface Change {
  /** Which records it makes new. */
  reach: (shelf: Shelf) => readonly Record[];
  make: (cache: CacheService, changed: readonly Record[]) => Promise<unknown>;
  stores?: boolean;
}
const all = ({ records }: Shelf) => records;
const one = ({ records }: Shelf) => [records[Math.floor(Math.random() * records.length)] as Record];

export const CHANGES = {
  set: {
    reach: one,
    make: (cache, [record]) => {
      const { key, truth } = record as Record;
      return cache.set(key, truth, { ttl: TTL, tags: [TAG] });
    },
    stores: true,
  },
  setMany: {
    reach: all,
    make: (cache, changed) =>
      cache.setMany(
        changed.map(({ key, truth }) => [key, truth] as const),
        { ttl: TTL, tags: [TAG] },
      ),
    stores: true,
  },
  delete: { reach: one, make: (cache, changed) => cache.delete(...changed.map(({ key }) => key)) },
  invalidateTags: { reach: all, make: (cache) => cache.invalidateTags(TAG) },
  clear: { reach: all, make: (cache) => cache.clear() },
  clearPattern: { reach: all, make: (cache) => cache.clearPattern('[abc]') },
} satisfies { [name: string]: Change };
export type ChangeName = keyof typeof CHANGES;

/** The database first, then the cache, as applications do. `timed` is told of the call to the cache alone. */
export async function change(
  name: ChangeName,
  cache: CacheService,
  shelf: Shelf,
  timed: <T>(call: () => Promise<T>) => Promise<T | undefined>,
): Promise<void> {
  const { reach, make, stores = false }: Change = CHANGES[name];
  const changed = reach(shelf);
  for (const record of changed) {
    record.truth += 1;
    if (stores) record.isGone = false;
  }
  const versions = changed.map(({ truth }) => truth);
  await timed(() => make(cache, changed));
  changed.forEach((record, index) => {
    record.finished = versions[index] as number;
    record.isGone = !stores;
  });
}

/** What a read gave: its outcome in a word, and what is wrong with it. */
export interface Answer {
  outcome: string;
  wrong?: string;
}

export const READS: { [name: string]: (cache: CacheService, record: Record) => Promise<Answer> } = {
  get: async (cache, record) => {
    const { finished } = record;
    return judged(await cache.get<number>(record.key), finished, 'value');
  },
  getOrSet: async (cache, record) => {
    const { finished } = record;
    let outcome = 'value';
    const load = async () => {
      const { truth } = record;
      outcome = 'loaded';
      await new Promise((wake) => setTimeout(wake, 3));
      return truth;
    };
    const value = await cache.getOrSet(record.key, load, { ttl: TTL, tags: [TAG] });
    return judged(value, finished, outcome);
  },
  has: async (cache, record) => {
    const wasGone = gone(record);
    const answer = await cache.has(record.key);
    return {
      outcome: answer ? 'yes' : 'no',
      ...(answer && wasGone() && { wrong: 'has what was deleted' }),
    };
  },
  ttl: async (cache, record) => {
    const wasGone = gone(record);
    const left = await cache.ttl(record.key);
    const isWrong = left !== undefined && (wasGone() || !(left > 0 && left <= TTL));
    return { outcome: left === undefined ? 'none' : 'seconds', ...(isWrong && { wrong: `ttl is ${left}` }) };
  },
};

/** Whether it is gone now, and was all the time until it is asked again. */
function gone(record: Record): () => boolean {
  const { isGone, truth } = record;
  return () => isGone && record.isGone && record.truth === truth;
}

function judged(value: number | undefined, finished: number, outcome: string): Answer {
  if (value === undefined) return { outcome: 'miss' };
  return { outcome, ...(value < finished && { wrong: `read ${value} after ${finished}` }) };
}
