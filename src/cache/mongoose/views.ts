import type { mongo } from 'mongoose';
import { collectionsOfPipeline, type Sources, type Write } from './dependencies.js';
import { isSteady } from './query-key.js';
import type { Bson } from './read.js';

/** After that, what a name stands for is looked up again, in the background. */
const TRUSTED_FOR = 60_000;

/** Something else than a plain collection. */
type Special = 'capped' | { viewOn: string; pipeline: readonly unknown[] };

interface Known {
  special: Promise<Special | undefined>;
  /** Once that is settled: a plain collection, which is what most names are. */
  isPlain: boolean;
  since: number;
}

const known = new WeakMap<mongo.MongoClient, Map<string, Known>>();

/**
 * What is behind names that may be those of views: what is written there changes what is read under these names. The first read of a name asks the database what it stands for.
 *
 * Undefined where that can't be known, or where the answer of a view is not a matter of the data alone.
 */
export function collectionsBehind(
  database: mongo.Db,
  names: readonly string[],
  bson: Bson,
): Sources | Promise<Sources | undefined> {
  return names.every((name) => isPlain(database, name))
    ? { collections: names }
    : lookUpAll(database, names, bson);
}

async function lookUpAll(
  database: mongo.Db,
  names: readonly string[],
  bson: Bson,
): Promise<Sources | undefined> {
  const all = new Set(names);
  let isCapped = false;
  for (const name of all) {
    let special: Special | undefined;
    try {
      special = await specialNamed(database, name);
    } catch {
      return undefined;
    }
    if (special === 'capped') isCapped = true;
    if (special === undefined || special === 'capped') continue;
    const { viewOn, pipeline } = special;
    const inside = isSteady(pipeline, bson) ? collectionsOfPipeline(pipeline, viewOn) : undefined;
    if (!inside) return undefined;
    for (const one of inside) all.add(one); // visited by this same loop
  }
  return { collections: [...all], isCapped };
}

/** Names that now may stand for something else. */
export function forgetViews(client: mongo.MongoClient, { database, collection }: Write): void {
  const names = known.get(client);
  if (!names) return;
  if (collection !== undefined) names.delete(`${database}.${collection}`);
  else for (const name of names.keys()) if (name.startsWith(`${database}.`)) names.delete(name);
}

/** Whether a name is known to be a plain collection's, or nobody's. */
function isPlain({ client, databaseName }: mongo.Db, name: string): boolean {
  const before = known.get(client)?.get(`${databaseName}.${name}`);
  return before !== undefined && before.isPlain && isTrusted(before);
}

const isTrusted = ({ since }: Known): boolean => performance.now() - since < TRUSTED_FOR;

async function specialNamed(database: mongo.Db, name: string): Promise<Special | undefined> {
  const names = known.get(database.client) ?? new Map<string, Known>();
  known.set(database.client, names);
  const key = `${database.databaseName}.${name}`;
  const before = names.get(key);
  if (before && isTrusted(before)) return before.special;
  const now = performance.now();
  const looked: Known = { special: lookUp(database, name), isPlain: false, since: now };
  names.set(key, looked);
  looked.special.then(
    (special) => (looked.isPlain = special === undefined),
    () => {
      if (names.get(key) !== looked) return;
      if (before) names.set(key, { ...before, since: now });
      else names.delete(key);
    },
  );
  return (before ?? looked).special;
}

async function lookUp(database: mongo.Db, name: string): Promise<Special | undefined> {
  const [found] = await database.listCollections({ name }, { nameOnly: false }).toArray();
  const { viewOn, pipeline, capped } = (found?.options ?? {}) as {
    viewOn?: string;
    pipeline?: unknown[];
    capped?: boolean;
  };
  if (viewOn !== undefined) return { viewOn, pipeline: pipeline ?? [] };
  return capped ? 'capped' : undefined;
}
