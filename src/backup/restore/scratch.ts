import { randomBytes } from 'node:crypto';
import { OWNER_MARK, ownerMark, ownerState } from '../process-owner.js';

const RUN = String.raw`(${OWNER_MARK})\.[0-9a-f]{8}`;
const SCRATCH = new RegExp(String.raw`^flora_restore\.${RUN}\.`);
const JOURNAL = new RegExp(String.raw`^flora_swap\.${RUN}$`);
const TRIAL = new RegExp(`^flora_trial-(${OWNER_MARK})-[0-9a-f]{8}$`);

/** The collection of the locks, in the database that the connection string names. */
export const LOCKS = 'flora_backup.locks';

/** Tells one restore from all others, whoever does it. */
export function restoreMark(): string {
  return `${ownerMark()}.${randomBytes(4).toString('hex')}`;
}

/**
 * What the names of the collections begin with that one restore loads into, beside those it will replace. They are
 * in the same database, because only there a collection can be renamed at once; the name says whose they are.
 */
export function scratchPrefix(mark: string): string {
  return `flora_restore.${mark}.`;
}

/** The collection that holds the swap journal of one restore, and nothing else. */
export function journalName(mark: string): string {
  return `flora_swap.${mark}`;
}

/** A database that one verification restores into. */
export function trialDatabase(): string {
  return `flora_trial-${ownerMark()}-${randomBytes(4).toString('hex')}`;
}

export function isJournal(collection: string): boolean {
  return JOURNAL.test(collection);
}

/** True for what this package keeps in a database for itself: scratch, journals, locks. No data of the application. */
export function isOurs(collection: string): boolean {
  return SCRATCH.test(collection) || isJournal(collection) || collection === LOCKS;
}

export function isTrial(database: string): boolean {
  return TRIAL.test(database);
}

/** Who made a scratch collection, a journal or a trial database; undefined for all other names. */
export function makerOf(name: string): string | undefined {
  return [SCRATCH, JOURNAL, TRIAL].map((shape) => shape.exec(name)?.[1]).find(Boolean);
}

/** True when the process that made it is no more. Of other machines that can't be known. */
export function isAbandoned(name: string): boolean {
  const maker = makerOf(name);
  return maker !== undefined && ownerState(maker) === 'dead';
}
