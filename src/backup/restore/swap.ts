import { setTimeout as sleep } from 'node:timers/promises';
import { BackupError, list, SwapFailedError, TargetNotEmptyError } from '../backup.errors.js';
import { nameOf } from '../create/dump-plan.js';
import type { NamespaceType } from '../archive/archive-summary.js';
import type { ServerSession } from '../engine/database-server.js';
import { databasesOf, type SwapJournal, type SwapStep } from './swap-journal.js';

/** Before it is tried again to go on with a swap that can't go back. */
const PAUSES_MS = [200, 1_000, 3_000];

/**
 * Puts what was loaded beside into its place: collections first, one rename each, then the views over them. Every
 * step is written down before it is done, and may be done again.
 *
 * What stands in the way of a swap that replaces nothing, or of the very first rename, has it taken back: the target
 * is then as it was. A swap that replaces can't go back once it has begun, or may have: a rename whose answer was
 * lost is perhaps done.
 *
 * @param again true for a swap that another process began
 * @throws what stood in the way, when it was taken back; SwapFailedError when it could be neither finished nor taken
 *   back: the journal stays, for the next one; BackupError LOCK_LOST when another process took over;
 *   RESTORE_MISMATCH when it is over, and somebody had removed what was to be put in place
 */
export async function swap(session: ServerSession, journal: SwapJournal, again = false): Promise<void> {
  const progress: Progress = { begun: again, lost: [] };
  try {
    await goForward(session, journal, again, progress);
  } catch (error) {
    if (isOfAnother(error)) throw error;
    const wasRefused = error instanceof BackupError;
    if (journal.record.replace && (progress.begun || !wasRefused))
      await goOn(session, journal, progress, error);
    else {
      await journal.write({ state: 'back' });
      await takeBack(session, journal);
      throw error;
    }
  }
  await journal.write({ state: 'clean' });
  await cleanUp(session, journal);
  if (progress.lost.length > 0)
    throw new BackupError('RESTORE_MISMATCH', {
      problem: `What was loaded was removed by somebody before it could be put in place: ${list(progress.lost)}`,
      advice: 'these are as they were before, all others are restored; restore again',
    });
}

/** How a swap goes. */
interface Progress {
  /** True when something was replaced, or may have been. */
  begun: boolean;
  /** What is neither beside nor in its place. */
  lost: string[];
}

/** A server may be gone for a moment, or be building an index where a rename should be. */
async function goOn(
  session: ServerSession,
  journal: SwapJournal,
  progress: Progress,
  cause: unknown,
): Promise<void> {
  let last = cause;
  for (const pause of PAUSES_MS) {
    await sleep(pause);
    try {
      await goForward(session, journal, true, progress);
      return;
    } catch (error) {
      if (isOfAnother(error)) throw error;
      last = error;
    }
  }
  throw await failed(journal, last);
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
  const { steps, placed, at, state, replace } = journal.record;
  // Only where nothing was before is what has a step's name what the step put there.
  const isMoved = (index: number): boolean => state === 'back' && !replace && index <= at;
  const there = await namespacesOf(session, journal);
  for (const [index, step] of steps.entries()) {
    const { database, collection, way } = step;
    await journal.write({ state });
    if (placed.includes(index)) await session.drop(database, collection);
    if (!isMoved(index) || !there.has(nameOf(step))) continue;
    // What was moved into its place is no longer beside. Only moved back, not dropped, it can be told again.
    const isBeside = there.has(nameOf({ database, collection: journal.prefix + collection }));
    if (way === 'swap' && !isBeside)
      await session.rename(database, collection, journal.prefix + collection, false);
    if (way === 'view' && (await session.hasView(database, collection, step.metadata ?? '{}')))
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
  progress: Progress,
): Promise<void> {
  const there = await namespacesOf(session, journal);
  const before = journal.record.at;
  progress.lost = [];
  const steps = [...journal.record.steps.entries()];
  for (const [index, step] of steps.filter(([, { way }]) => way === 'swap')) {
    await begin(journal, index);
    const isBeside = there.has(nameOf({ ...step, collection: journal.prefix + step.collection }));
    if (isBeside) await takePlace(session, journal, step, there, again, progress);
    else if (index > before) progress.lost.push(nameOf(step));
  }
  const views = steps.filter(([, { way }]) => way === 'view');
  const different: typeof views = [];
  for (const [index, step] of views) {
    const isThere = there.has(nameOf(step));
    if (isThere && (await session.hasView(step.database, step.collection, step.metadata ?? '{}'))) continue;
    if (isThere && !journal.record.replace) throw new TargetNotEmptyError([nameOf(step)]);
    different.push([index, step]);
  }
  // All old ones first: a new one must not meet an old one that is over it, or has another collation.
  for (const [index, step] of different.filter(([, step]) => there.has(nameOf(step)))) {
    await begin(journal, index);
    progress.begun = true;
    await session.drop(step.database, step.collection);
  }
  for (const [index, step] of different) {
    await begin(journal, index);
    await session.createView(step.database, step.collection, step.metadata ?? '{}');
    progress.begun = true;
  }
}

/** Writes down that a step is begun; of those that were, the last one stays known. */
async function begin(journal: SwapJournal, index: number): Promise<void> {
  await journal.write({ at: Math.max(index, journal.record.at) });
}

async function takePlace(
  session: ServerSession,
  { record: { replace }, prefix }: SwapJournal,
  { database, collection }: SwapStep,
  there: ReadonlyMap<string, NamespaceType>,
  again: boolean,
  progress: Progress,
): Promise<void> {
  const beside = prefix + collection;
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

async function failed(journal: SwapJournal, cause: unknown): Promise<SwapFailedError> {
  await journal.leave();
  const steps = journal.record.steps.filter(({ way }) => way !== 'direct').map(nameOf);
  const begun = journal.record.steps.slice(0, Math.max(0, journal.record.at));
  const done = begun.filter(({ way }) => way !== 'direct').length;
  return new SwapFailedError(steps.slice(0, done), steps.slice(done), cause);
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
