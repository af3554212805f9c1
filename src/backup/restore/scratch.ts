import { randomBytes } from 'node:crypto';
import { OWNER_MARK, ownerMark, ownerState } from '../process-owner.js';

const SCRATCH = new RegExp(`^flora_restore\\.(${OWNER_MARK})\\.[0-9a-f]{8}\\.`);

/**
 * What the names of the collections begin with that one restore loads into, beside those it will replace. They are
 * in the same database, because only there a collection can be renamed at once; the name says whose they are.
 */
export function scratchPrefix(): string {
  return `flora_restore.${ownerMark()}.${randomBytes(4).toString('hex')}.`;
}

/** True for what some restore loads, or left behind when it was killed. It is no data of the application. */
export function isScratch(collection: string): boolean {
  return SCRATCH.test(collection);
}

/** True when the process that loaded it is no more. Of other machines that can't be known. */
export function isAbandoned(collection: string): boolean {
  const [, owner] = SCRATCH.exec(collection) ?? [];
  return owner !== undefined && ownerState(owner) === 'dead';
}
