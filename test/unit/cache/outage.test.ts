import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Outage } from '../../../src/cache/engine/outage.js';

describe('A store that was away', () => {
  it('is read from again only when it knows what it missed, however often it is asked whether it is back', async () => {
    const told: string[][] = [];
    let tell: () => void = () => {};
    const outage = new Outage({
      onOutage: 'miss',
      deadline: { read: 5_000, write: 5_000 },
      breaker: { failures: 3, retry: 60_000 },
      isConnected: () => true,
      ping: async () => {},
      reconnect: () => {},
      replay: ({ keys }) =>
        new Promise<void>((resolve) => {
          tell = () => (told.push([...keys]), resolve());
        }),
      onDown: () => {},
      onUp: () => {},
    });
    outage.probeNow();
    await expect.poll(() => outage.isDown).toBe(false);
    outage.missed({ keys: ['k'] });
    await expect.poll(() => outage.journalled).toBe(0); // it is being told
    for (let connection = 0; connection < 5; connection += 1) {
      outage.probeNow();
      await sleep(20);
    }
    expect(outage.isDown).toBe(true);
    tell();
    await expect.poll(() => outage.isDown).toBe(false);
    expect(told).toEqual([['k']]);
    outage.close();
  });
});
