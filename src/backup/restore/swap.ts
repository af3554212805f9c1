import { BackupError, SwapFailedError, TargetNotEmptyError } from '../backup.errors.js';
import { nameOf } from '../create/dump-plan.js';
import type { NamespaceType } from '../archive/archive-summary.js';
import type { ServerSession } from '../engine/database-server.js';
import { databasesOf, type SwapJournal, type SwapStep } from './swap-journal.js';

/**
 * Puts what was loaded beside into its place: collections first, one rename each, then the views over them. Every
 * step is written down before it is done, and may be done again.
 *
 * What stands in the way of a swap that replaces nothing, or of the very first rename, has it taken back: the target
 * is then as it was. A swap that replaces can't go back once it has begun.
 *
 * @param again true for a swap that another process began
 * @throws what stood in the way, when it was taken back; SwapFailedError when it could be neither finished nor taken
 *   back: the journal stays, for the next one; BackupError LOCK_LOST when another process took over
 */
export async function swap(session: ServerSession, journal: SwapJournal, again = false): Promise<void> {
  const progress = { begun: again };
  try {
    await goForward(session, journal, again, progress);
  } catch (error) {
    if (isOfAnother(error)) throw error;
    if (journal.record.replace && progress.begun) throw await failed(session, journal, error);
    await journal.write({ state: 'back' });
    await takeBack(session, journal);
    throw error;
  }
  await journal.write({ state: 'clean' });
  await cleanUp(session, journal);
}

/** Does what the state of a journal asks for that somebody left. */
export async function settle(session: ServerSession, journal: SwapJournal): Promise<void> {
  const { state } = journal.record;
  if (state === 'forward') return swap(session, journal, true);
  if (state === 'clean') return cleanUp(session, journal);
  await takeBack(session, journal);
}

/** Removes what was placed and what is beside; the journal is closed. */
export async function takeBack(session: ServerSession, journal: SwapJournal): Promise<void> {
  const { steps, placed, at, state } = journal.record;
  const there = await namespacesOf(session, journal);
  for (const [index, step] of steps.entries()) {
    const { database, collection, way } = step;
    await journal.write({ state });
    if (placed.includes(index)) await session.drop(database, collection);
    // What was moved into its place is no longer beside. Only moved back, not dropped, it can be told again.
    const wasMoved =
      way === 'swap' && !there.has(nameOf({ database, collection: journal.prefix + collection }));
    if (state === 'back' && wasMoved && there.has(nameOf(step)))
      await session.rename(database, collection, journal.prefix + collection, false);
    if (state === 'back' && way === 'view' && index <= at && (await isSameView(session, step)))
      await session.drop(database, collection);
  }
  await journal.write({ state: 'clean' });
  await cleanUp(session, journal);
}

/** Removes what is still beside, then the journal. */
export async function cleanUp(session: ServerSession, journal: SwapJournal): Promise<void> {
  for (const database of databasesOf(journal.record))
    for (const { collection } of await session.namespaces(database))
      if (collection.startsWith(journal.prefix)) await session.drop(database, collection);
  await journal.close();
}

async function goForward(
  session: ServerSession,
  journal: SwapJournal,
  again: boolean,
  progress: { begun: boolean },
): Promise<void> {
  const there = await namespacesOf(session, journal);
  for (const [at, step] of journal.record.steps.entries()) {
    if (step.way === 'direct') continue;
    await journal.write({ at });
    if (step.way === 'view') await remake(session, journal, step, there, progress);
    else await takePlace(session, journal, step, there, again, progress);
  }
}

async function takePlace(
  session: ServerSession,
  { record: { replace }, prefix }: SwapJournal,
  { database, collection }: SwapStep,
  there: ReadonlyMap<string, NamespaceType>,
  again: boolean,
  progress: { begun: boolean },
): Promise<void> {
  const beside = prefix + collection;
  if (!there.has(nameOf({ database, collection: beside }))) return; // in its place already
  if (replace && there.get(nameOf({ database, collection })) === 'view') {
    // A view can't be the target of a rename; it holds no data.
    progress.begun = true;
    await session.drop(database, collection);
  }
  try {
    await session.rename(database, beside, collection, replace);
  } catch (error) {
    // An application that started before its swap was finished makes its collections by itself, empty ones.
    const mayGo =
      again && error instanceof TargetNotEmptyError && (await session.count(database, collection)) === 0;
    if (!mayGo) throw error;
    await session.rename(database, beside, collection, true);
  }
  progress.begun = true;
}

async function remake(
  session: ServerSession,
  { record: { replace } }: SwapJournal,
  step: SwapStep,
  there: ReadonlyMap<string, NamespaceType>,
  progress: { begun: boolean },
): Promise<void> {
  const { database, collection, metadata = '' } = step;
  if (there.has(nameOf(step))) {
    if (await isSameView(session, step)) return;
    if (!replace) throw new TargetNotEmptyError([nameOf(step)]);
    progress.begun = true;
    await session.drop(database, collection);
  }
  await session.createView(database, collection, metadata);
  progress.begun = true;
}

async function isSameView(session: ServerSession, step: SwapStep): Promise<boolean> {
  const found = await session.metadata(step.database, step.collection);
  return found !== undefined && optionsOf(found) === optionsOf(step.metadata ?? '{}');
}

function optionsOf(metadata: string): string {
  return JSON.stringify((JSON.parse(metadata) as { options?: unknown }).options);
}

async function failed(session: ServerSession, journal: SwapJournal, cause: unknown): Promise<unknown> {
  await journal.leave();
  const { steps, at } = journal.record;
  const names = steps.filter(({ way }) => way !== 'direct').map(nameOf);
  const current = steps[at] ? names.indexOf(nameOf(steps[at])) : 0;
  return new SwapFailedError(names.slice(0, current), names.slice(current), cause);
}

async function namespacesOf(
  session: ServerSession,
  { record }: SwapJournal,
): Promise<ReadonlyMap<string, NamespaceType>> {
  const found = await Promise.all(databasesOf(record).map((database) => session.namespaces(database)));
  return new Map(found.flat().map((namespace) => [nameOf(namespace), namespace.type]));
}

function isOfAnother(error: unknown): boolean {
  return error instanceof BackupError && error.code === 'LOCK_LOST';
}
