import type { mongo } from 'mongoose';
import { collectionsOfPipeline, type Write } from './dependencies.js';
import { isSteady } from './query-key.js';
import type { Bson } from './read.js';

/** After that, what a name stands for is looked up again, in the background. */
const TRUSTED_FOR = 60_000;

interface View {
  viewOn: string;
  pipeline: readonly unknown[];
}

interface Known {
  view: Promise<View | undefined>;
  /** Once that is settled: no view, which is what most names are. */
  isCollection: boolean;
  since: number;
}

const known = new WeakMap<mongo.MongoClient, Map<string, Known>>();

/**
 * The collections behind names that may be those of views: what is written to them changes what is read under
 * these names. The first read of a name asks the database what it stands for.
 *
 * Undefined where that can't be known, or where the answer of a view is not a matter of the data alone.
 */
export function collectionsBehind(
  database: mongo.Db,
  names: readonly string[],
  bson: Bson,
): readonly string[] | Promise<readonly string[] | undefined> {
  return names.every((name) => isCollection(database, name)) ? names : lookUpAll(database, names, bson);
}

async function lookUpAll(
  database: mongo.Db,
  names: readonly string[],
  bson: Bson,
): Promise<string[] | undefined> {
  const all = new Set(names);
  for (const name of all) {
    let view: View | undefined;
    try {
      view = await viewNamed(database, name);
    } catch {
      return undefined;
    }
    if (!view) continue;
    const inside = isSteady(view.pipeline, bson)
      ? collectionsOfPipeline(view.pipeline, view.viewOn)
      : undefined;
    if (!inside) return undefined;
    for (const one of inside) all.add(one); // visited by this same loop
  }
  return [...all];
}

/** Names that now may stand for something else. */
export function forgetViews(client: mongo.MongoClient, { database, collection }: Write): void {
  const names = known.get(client);
  if (!names) return;
  if (collection !== undefined) names.delete(`${database}.${collection}`);
  else for (const name of names.keys()) if (name.startsWith(`${database}.`)) names.delete(name);
}

/** Whether a name is known to be no view's. */
function isCollection({ client, databaseName }: mongo.Db, name: string): boolean {
  const before = known.get(client)?.get(`${databaseName}.${name}`);
  return before !== undefined && before.isCollection && isTrusted(before);
}

const isTrusted = ({ since }: Known): boolean => performance.now() - since < TRUSTED_FOR;

async function viewNamed(database: mongo.Db, name: string): Promise<View | undefined> {
  const names = known.get(database.client) ?? new Map<string, Known>();
  known.set(database.client, names);
  const key = `${database.databaseName}.${name}`;
  const before = names.get(key);
  if (before && isTrusted(before)) return before.view;
  const now = performance.now();
  const looked: Known = { view: lookUp(database, name), isCollection: false, since: now };
  names.set(key, looked);
  looked.view.then(
    (view) => (looked.isCollection = view === undefined),
    () => {
      if (names.get(key) !== looked) return;
      if (before) names.set(key, { ...before, since: now });
      else names.delete(key);
    },
  );
  return (before ?? looked).view;
}

async function lookUp(database: mongo.Db, name: string): Promise<View | undefined> {
  const [found] = await database.listCollections({ name }, { nameOnly: false }).toArray();
  const { viewOn, pipeline } = (found?.options ?? {}) as { viewOn?: string; pipeline?: unknown[] };
  return viewOn === undefined ? undefined : { viewOn, pipeline: pipeline ?? [] };
}
