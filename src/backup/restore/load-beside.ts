import type { Transform } from 'node:stream';
import { type ArchiveSummary, readMetadata } from '../archive/archive-summary.js';
import { type Definition, extendedJsonOf, fromExtendedJson } from '../archive/extended-json.js';
import { FirstBytes } from '../archive/first-bytes.js';
import { type MetadataEdit, PreludeEdit } from '../archive/prelude-edit.js';
import { countDocuments } from '../backup.js';
import { BackupError, list } from '../backup.errors.js';
import type { RestorableBackup } from '../catalogue.js';
import { nameOf } from '../create/dump-plan.js';
import type { ServerSession } from '../engine/database-server.js';
import type { DumpEngine } from '../engine/dump-engine.js';
import type { ProgressListener } from '../progress.js';
import { watchServer } from '../server-watch.js';
import { isOfItsCollection } from '../oplog/oplog-catalogue.js';
import type { RestoreStep } from './restore-plan.js';
import { dropAll } from './drop-all.js';
import { databasesOf, type SwapStep } from './swap-journal.js';
import { readProved, type Watch } from '../proof.js';

/** What a restore works with once its backup is proved. */
export interface RestoreWork {
  readonly session: ServerSession;
  readonly engine: DumpEngine;
  readonly backup: RestorableBackup;
  readonly archive: ArchiveSummary;
  /** What the archive holds of what is wanted. */
  readonly loaded: readonly RestoreStep[];
  /** What is to be in place in the end: the same, but for what the backup's log makes and drops. */
  readonly steps: readonly RestoreStep[];
  /** What the scratch collections' names begin with. */
  readonly prefix: string;
  readonly watch: Watch;
}

/**
 * Loads all that can be renamed into scratch collections and proves it: as many documents as the backup has, by the
 * tool's word and by counting, and all indexes, unless the log of the backup is still to be replayed: they are made
 * after that. Views are made there for a trial.
 */
export async function loadBeside(work: RestoreWork): Promise<void> {
  const edit = work.archive.oplog && ((_: unknown, metadata: string) => withoutIndexes(metadata));
  await loadProved(work, of(work.loaded, 'swap'), work.prefix, edit);
  for (const view of of(work.steps, 'view'))
    await work.session.createView(view.database, work.prefix + view.collection, overScratch(work, view));
}

/** The definition of a view, over what is beside: what is in place may not go together with it. */
function overScratch(work: RestoreWork, view: RestoreStep): string {
  const definition = fromExtendedJson(metadataOf(work.archive, view));
  const options = definition.get('options') as Definition;
  const viewOn = String(options.get('viewOn'));
  const isBeside = work.steps.some(
    ({ database, collection, way }) =>
      way !== 'direct' && database === view.database && collection === viewOn,
  );
  if (isBeside) options.set('viewOn', work.prefix + viewOn);
  return extendedJsonOf(definition);
}

/**
 * Loads what the server can't rename into its place, which is free, and proves it. One at a time, each written down
 * before it is made, so that it is known which of them this restore has made when one turns out to be somebody
 * else's: only these are taken back.
 *
 * @param writeDown told which steps' namespaces are this restore's, the next one included
 */
export async function loadInPlace(
  work: RestoreWork,
  writeDown: (placed: readonly RestoreStep[]) => Promise<void>,
): Promise<void> {
  const steps = of(work.loaded, 'direct');
  for (const [index, step] of steps.entries()) {
    const present = (await namespacesOf(work)).map(nameOf);
    if (present.includes(nameOf(step))) throw mismatch(`${nameOf(step)} came into being during the restore`);
    await writeDown(steps.slice(0, index + 1));
    try {
      await loadProved(work, [step], '');
    } catch (error) {
      const isAnothers = error instanceof BackupError && error.code === 'TARGET_NOT_EMPTY';
      if (isAnothers) await writeDown(steps.slice(0, index));
      throw error;
    }
  }
}

/** Removes what is left of the scratch collections. */
export async function removeBeside({ session, loaded, steps, prefix }: RestoreWork): Promise<void> {
  await dropAll(session, async () => {
    const databases = databasesOf({ steps: [...loaded, ...steps] });
    const found = await Promise.all(databases.map((database) => session.namespaces(database)));
    return found.flat().filter(({ collection }) => collection.startsWith(prefix));
  });
}

/** Options and indexes of a step's namespace, as the archive has them. */
export function metadataOf(archive: ArchiveSummary, { source, metadata }: RestoreStep): string {
  if (metadata !== undefined) return metadata;
  return archive.namespaces.find((namespace) => nameOf(namespace) === nameOf(source))!.metadata;
}

/** What a swap needs to know of the steps: collections first, then the views over them. */
export function swapSteps(work: RestoreWork): SwapStep[] {
  const views = of(work.steps, 'view').map((step) => ({ ...step, metadata: metadataOf(work.archive, step) }));
  const others = [...of(work.steps, 'direct'), ...of(work.steps, 'swap')];
  return [
    ...others.map(({ database, collection, way }) => ({ database, collection, way })),
    ...views.map(({ database, collection, way, metadata }) => ({ database, collection, way, metadata })),
  ];
}

async function loadProved(
  work: RestoreWork,
  steps: readonly RestoreStep[],
  prefix: string,
  edit?: MetadataEdit,
): Promise<void> {
  const written = await load(work, steps, prefix, edit);
  const documents = countDocuments(steps.map(({ source }) => source));
  if (written !== documents) throw mismatch(`${written} documents were written instead of ${documents}`);
  for (const step of steps) await prove(work, step, prefix, edit === undefined);
}

/**
 * Loads some steps in one go.
 *
 * @param edit changes options and indexes on their way
 * @returns how many documents were written, by the engine's word
 */
export async function load(
  work: RestoreWork,
  steps: readonly RestoreStep[],
  prefix: string,
  edit?: MetadataEdit,
): Promise<number> {
  if (steps.length === 0) return 0;
  const { engine, backup, watch } = work;
  const stop = new AbortController();
  const into = new Map(steps.map(({ source, database }) => [source.database, { database, prefix }]));
  const namespaces = steps.map(({ source }) => source);
  const unchecked = steps.some((step) => readMetadata(metadataOf(work.archive, step)).validates);
  const loading = await engine.load(
    { namespaces, into, unchecked },
    AbortSignal.any([watch.signal, stop.signal]),
  );
  let bytes = 0;
  const onProgress: ProgressListener = (progress) => {
    bytes = progress.bytes;
    watch.onProgress?.(progress);
  };
  const through = [...withoutLog(work.archive, edit), loading.archive];
  const reading = readProved(backup, { ...watch, onProgress }, { what: 'archive', through });
  reading.catch(() => stop.abort());
  const lost: unknown[] = [];
  const unwatch = watchServer(
    () => bytes,
    () => work.session.version(),
    (error) => {
      lost.push(error);
      stop.abort();
    },
  );
  const [read, loaded] = await Promise.allSettled([reading, loading.finished]);
  unwatch();
  watch.signal.throwIfAborted();
  if (lost.length > 0) throw lost[0];
  // A tool that fails closes its input, and damage found while reading stops the tool.
  if (read.status === 'rejected' && read.reason instanceof BackupError)
    throw inOwnNames(read.reason, steps, prefix);
  if (loaded.status === 'rejected') throw inOwnNames(loaded.reason, steps, prefix);
  if (read.status === 'rejected') throw read.reason;
  return loaded.value;
}

/** An error that speaks of scratch, in the names that the backup has. */
export function inOwnNames(error: unknown, steps: readonly RestoreStep[], prefix: string): unknown {
  if (!(error instanceof BackupError) || error.code !== 'RESTORE_MISMATCH') return error;
  const problem = steps.reduce(
    (text, { database, source }) => text.replaceAll(`${database}.${prefix}`, `${source.database}.`),
    error.message.replace(/\.$/, ''),
  );
  return new BackupError(error.code, { problem, cause: error.cause });
}

async function prove(work: RestoreWork, step: RestoreStep, prefix: string, indexed: boolean): Promise<void> {
  const { session } = work;
  const { source, database } = step;
  const { indexes, expires } = readMetadata(metadataOf(work.archive, step));
  const isRaw = source.type !== 'timeseries' || source.dataCollection !== source.collection;
  if (isRaw) {
    const found = await session.count(database, prefix + source.dataCollection);
    // Where documents expire the server may have begun to delete them; the tool's own count was right.
    const right = expires ? found <= source.documents : found === source.documents;
    if (!right) throw mismatch(`${nameOf(step)} has ${found} documents instead of ${source.documents}`);
  }
  if (!indexed) return;
  const made = await session.indexes(database, prefix + source.collection);
  const lacking = indexes.filter((name) => !made.includes(name));
  if (lacking.length > 0) throw mismatch(`${nameOf(step)} lacks the indexes ${list(lacking)}`);
}

async function namespacesOf({ session, loaded }: RestoreWork) {
  const databases = [...new Set(loaded.map(({ database }) => database))];
  return (await Promise.all(databases.map((database) => session.namespaces(database)))).flat();
}

/** Only what is made with its collection. */
export function withoutIndexes(metadata: string): string {
  if (metadata === '') return metadata;
  const definition = fromExtendedJson(metadata);
  const indexes = (definition.get('indexes') ?? []) as readonly Definition[];
  const kept = indexes.filter((index) => isOfItsCollection(index.get('name'), index.get('clustered')));
  return extendedJsonOf(definition.set('indexes', kept));
}

/**
 * An engine is given the collections alone: the log is replayed later, and mongorestore takes an archive for corrupt
 * that has an entry of more than 16 MiB in it.
 */
function withoutLog({ oplog }: ArchiveSummary, edit?: MetadataEdit): Transform[] {
  if (oplog?.at !== undefined) return [new FirstBytes(oplog.at), new PreludeEdit(edit ?? asItIs, false)];
  return edit ? [new PreludeEdit(edit)] : [];
}

const asItIs: MetadataEdit = (_, metadata) => metadata;

function of(steps: readonly RestoreStep[], way: RestoreStep['way']): RestoreStep[] {
  return steps.filter((step) => step.way === way);
}

function mismatch(problem: string): BackupError {
  return new BackupError('RESTORE_MISMATCH', { problem, advice: 'nothing was replaced; restore again' });
}
