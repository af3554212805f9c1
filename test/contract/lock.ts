import { expect, it } from 'vitest';
import type { Lock } from '../../src/coordination/lock.js';

const LONG = 30_000;

/**
 * What every Lock promises.
 *
 * @param make two over the same place, which no other test uses
 */
export function lockContract(make: () => Promise<readonly [Lock, Lock]>): void {
  it('is held by one at a time, and free once it is given back', async () => {
    const [a, b] = await make();
    expect(await a.acquire('nightly', 'one', LONG)).toBeGreaterThan(0);
    expect(await b.acquire('nightly', 'two', LONG)).toBeUndefined();
    expect(await b.renew('nightly', 'two', LONG)).toBe(false);
    await b.release('nightly', 'two');
    expect(await a.renew('nightly', 'one', LONG)).toBe(true);
    expect(await b.holder('nightly')).toBe('one');

    await a.release('nightly', 'one');
    expect(await b.holder('nightly')).toBeUndefined();
    expect(await a.renew('nightly', 'one', LONG)).toBe(false);
    expect(await b.acquire('nightly', 'two', LONG)).toBeGreaterThan(0);
  });

  it('is held by one of fifty that ask at the same moment', async () => {
    const places = await make();
    const asked = Array.from({ length: 50 }, (_, index) =>
      places[index % 2]!.acquire('rush', String(index), LONG),
    );
    expect((await Promise.all(asked)).filter(Boolean)).toHaveLength(1);
  });

  it('has names that know nothing of each other, whatever is in them', async () => {
    const [a, b] = await make();
    for (const name of ['a', 'a:b', '{a}', '$a', 'a.b', 'ä', 'x'.repeat(200)]) {
      expect(await a.acquire(name, '$holder', LONG)).toBeDefined();
      expect(await b.acquire(name, 'other', LONG)).toBeUndefined();
      expect(await b.holder(name)).toBe('$holder');
    }
  });

  it('is lost by a holder that does not renew it, and never comes back to it', async () => {
    const [a, b] = await make();
    await a.acquire('nightly', 'frozen', 50);
    await new Promise((wake) => setTimeout(wake, 150));
    expect(await a.holder('nightly')).toBeUndefined();

    expect(await b.acquire('nightly', 'next', LONG)).toBeDefined();

    expect(await a.renew('nightly', 'frozen', LONG)).toBe(false);
    await a.release('nightly', 'frozen');
    expect(await b.renew('nightly', 'next', LONG)).toBe(true);
    expect(await a.acquire('nightly', 'third', LONG)).toBeUndefined();
  });

  it('is kept by a holder that renews it', async () => {
    const [a, b] = await make();
    await a.acquire('nightly', 'one', 1_000);
    for (let turn = 0; turn < 3; turn++) {
      await new Promise((wake) => setTimeout(wake, 400));
      expect(await a.renew('nightly', 'one', 1_000)).toBe(true);
      expect(await b.acquire('nightly', 'two', 1_000)).toBeUndefined();
    }
  });

  it('gives each holder a higher token', async () => {
    const places = await make();
    const tokens: number[] = [];
    for (let turn = 0; turn < 20; turn++) {
      const lock = places[turn % 2]!;
      tokens.push((await lock.acquire('nightly', String(turn), LONG))!);
      await lock.release('nightly', String(turn));
    }
    expect(tokens).toEqual([...new Set(tokens)].toSorted((one, other) => one - other));
    expect(tokens.every(Number.isSafeInteger)).toBe(true);
  });

  it('gives each turn once, and no earlier one after it', async () => {
    const [a, b] = await make();
    const turn = Date.now() - 1_000;
    const token = await a.acquire('nightly', 'one', LONG, turn);
    await a.release('nightly', 'one');

    expect(await b.acquire('nightly', 'two', LONG, turn)).toBeUndefined();
    expect(await b.acquire('nightly', 'two', LONG, turn - 1)).toBeUndefined();
    expect(await b.holder('nightly')).toBeUndefined();
    expect(await b.acquire('nightly', 'by hand', LONG)).toBeGreaterThan(token!);
    await b.release('nightly', 'by hand');
    expect(await a.acquire('nightly', 'one', LONG, turn)).toBeUndefined();
    expect(await a.acquire('nightly', 'one', LONG, turn + 1)).toBeDefined();
  });

  it('gives turns again after one that was taken by a clock that is ahead, and that one no second time', async () => {
    const [a, b] = await make();
    const now = Date.now();
    const wrong = now + 365 * 86_400_000;
    await a.acquire('nightly', 'of next year', LONG, wrong);
    await a.release('nightly', 'of next year');
    expect(await b.acquire('nightly', 'of next year, too', LONG, wrong)).toBeUndefined();

    expect(await b.acquire('nightly', 'today', LONG, now)).toBeDefined();

    await b.release('nightly', 'today');
    expect(await a.acquire('nightly', 'today again', LONG, now)).toBeUndefined();
    expect(await a.acquire('nightly', 'yesterday', LONG, now - 86_400_000)).toBeUndefined();
    expect(await a.acquire('nightly', 'tomorrow', LONG, now + 60_000)).toBeDefined();
  });
}
