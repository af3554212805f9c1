import type { ArchiveSummary } from '../archive/archive-summary.js';
import { BackupError, list } from '../backup.errors.js';
import type { RestorableBackup } from '../catalogue.js';
import { nameOf } from '../create/dump-plan.js';
import type { ServerSession } from '../engine/database-server.js';
import { EntryStream } from '../oplog/entry-stream.js';
import { OplogCatalogue } from '../oplog/oplog-catalogue.js';
import { declared } from '../oplog/oplog-entry.js';
import { OplogReading } from '../oplog/oplog-reading.js';
import { Replay, ReplayCheck, type Whereto } from '../oplog/replay.js';
import { readProved, type Watch } from '../proof.js';
import { inOwnNames, type RestoreWork } from './load-beside.js';
import { planAfterLog } from './plan-after-log.js';
import type { RestorePlan, RestoreStep } from './restore-plan.js';
import { restoreMark, scratchPrefix } from './scratch.js';

/** Before anything is touched: replaying takes rights that restoring doesn't. */
export async function checkReplay(session: ServerSession, { steps }: RestorePlan): Promise<void> {
  const [first] = steps;
  if (first) await session.replay.check(first.database, `${scratchPrefix(restoreMark())}none`);
}

/**
 * Proves a backup and, where it has a log, that every entry of it can be replayed; touches nothing.
 *
 * @returns the plan as it is once the log has been replayed
 * @throws BackupError as `readProved`; RESTORE_REFUSED for an entry that can't be replayed
 */
export async function proveWithLog(
  session: ServerSession,
  backup: RestorableBackup,
  plan: RestorePlan,
  to: string | undefined,
  watch: Watch,
): Promise<{ archive: ArchiveSummary; plan: RestorePlan }> {
  if (!backup.manifest.pointInTime) return { archive: await readProved(backup, watch), plan };
  const namespaces = backup.manifest.namespaces.map(({ indexes, ...namespace }) => ({
    ...namespace,
    metadata: JSON.stringify({ indexes: indexes.map((name) => ({ name })) }),
  }));
  const check = new ReplayCheck(new OplogReading(new OplogCatalogue(namespaces)), session.replay);
  let obstacle: string | undefined;
  const attempt = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      obstacle ??= (error as Error).message;
    }
  };
  const entries = new EntryStream((entry) => attempt(() => check.entry(entry)));
  const archive = await readProved(backup, watch, { what: 'oplog', through: [entries] });
  attempt(() => check.end());
  if (obstacle !== undefined)
    throw new BackupError('RESTORE_REFUSED', {
      problem: `The log of the backup at ${backup.stored.location} can't be replayed: ${obstacle}`,
      advice: 'restore another backup; nothing was touched',
    });
  return {
    archive,
    plan: planAfterLog(plan, check.catalogue, to, (document) => session.replay.text(document)),
  };
}

/**
 * Replays the log of a backup onto what was loaded, then makes the indexes that there are in the end: before that,
 * documents of different moments stood beside each other, and a unique index would have refused them.
 *
 * @returns the steps, with as many documents as there are now
 * @throws BackupError RESTORE_MISMATCH
 */
export async function replayLog(work: RestoreWork, expiring = true): Promise<readonly RestoreStep[]> {
  const { session, backup, archive, watch } = work;
  const reading = new OplogReading(new OplogCatalogue(archive.namespaces));
  const replay = new Replay(reading, session, placesOf(work), expiring);
  const entries = new EntryStream((entry) => replay.entry(entry));
  await readProved(backup, watch, { what: 'oplog', through: [entries] });
  await replay.end();
  const counted: RestoreStep[] = [];
  for (const step of work.steps) {
    watch.signal.throwIfAborted();
    if (step.way === 'swap') await makeIndexes(work, step, replay.catalogue, expiring);
    const documents = step.way === 'view' ? 0 : await countOf(work, step);
    counted.push({ ...step, source: { ...step.source, documents } });
  }
  return counted;
}

async function makeIndexes(
  { session, prefix }: RestoreWork,
  step: RestoreStep,
  catalogue: OplogCatalogue,
  expiring: boolean,
): Promise<void> {
  const { source, database, collection } = step;
  const indexes = catalogue.find(source.database, source.collection)?.indexes ?? new Map<string, never>();
  await session.replay
    .createIndexes(database, prefix + collection, [...indexes.values()], expiring)
    .catch((error: unknown) => Promise.reject(inOwnNames(error, [step], prefix) as Error));
  const made = await session.indexes(database, prefix + collection);
  const lacking = [...indexes.keys()].filter((name) => !made.includes(name));
  if (lacking.length > 0)
    throw new BackupError('RESTORE_MISMATCH', {
      problem: `${nameOf(source)} lacks the indexes ${list(lacking)}`,
      advice: 'nothing was replaced; restore again',
    });
}

async function countOf(
  { session, prefix }: RestoreWork,
  { source, database, way }: RestoreStep,
): Promise<number> {
  return session.count(database, (way === 'swap' ? prefix : '') + source.dataCollection);
}

/** By the names of the backup; what is loaded and dropped by the log has a place too. */
function placesOf({ loaded, steps, prefix }: RestoreWork): Whereto {
  const byName = new Map([...loaded, ...steps].map((step) => [nameOf(step.source), step]));
  return (database, collection) => {
    const step = byName.get(nameOf({ database, collection: declared(collection) }));
    return step && { database: step.database, collection: (step.way === 'swap' ? prefix : '') + collection };
  };
}
