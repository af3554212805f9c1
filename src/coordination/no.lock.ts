import { Lock } from './lock.js';

/** No lock at all, for a single process: everyone gets it. */
export class NoLock extends Lock {
  private last = 0;

  async acquire(): Promise<number> {
    this.last = Math.max(this.last + 1, Date.now());
    return this.last;
  }

  async renew(): Promise<boolean> {
    return true;
  }

  async release(): Promise<void> {}

  async holder(): Promise<undefined> {
    return undefined;
  }

  async close(): Promise<void> {}
}
