import { expect, it } from 'vitest';
import { HeldLock } from '../../../src/coordination/held-lock.js';
import { Lock } from '../../../src/coordination/lock.js';

/** A lock whose place takes every question after the first one, and never answers. */
class SilentLock extends Lock {
  acquire = async (): Promise<number> => 1;
  renew = (): Promise<boolean> => new Promise(() => {});
  release = async (): Promise<void> => {};
  holder = async (): Promise<undefined> => undefined;
  close = async (): Promise<void> => {};
}

it('a lock is lost in time where its place says nothing any more', async () => {
  const held = await HeldLock.take({
    lock: new SilentLock(),
    name: 'nightly',
    holder: 'one',
    ttlMs: 90,
    isDead: () => false,
    lost: () => new Error('lost'),
    released: () => undefined,
  });

  await expect.poll(() => held!.signal.aborted).toBe(true);

  expect(held!.signal.reason).toMatchObject({ message: 'lost' });
});
