import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../../src/cache/engine/memory.store.js';
import { Lease } from '../../../src/cache/engine/store.js';
import { Clock } from '../../../src/coordination/clock.js';

class SetClock extends Clock {
  time = 1_000_000;
  now(): number {
    return this.time;
  }
}

describe('The store in memory', () => {
  it('keeps no lease of loads that ended without a word', async () => {
    const clock = new SetClock();
    const store = new MemoryStore({ maxEntries: 10, maxBytes: 1_000 }, clock);
    for (let index = 0; index < 10_000; index += 1) {
      await store.acquire([{ key: `k${index}`, lease: new Lease(0), lifetime: 1_000, newerThan: 0 }]);
      clock.time += 10;
    }
    const keys: string[] = [];
    for await (const page of store.scan('k')) keys.push(...page);
    expect(keys.length).toBeLessThan(2_000);
  });
});
