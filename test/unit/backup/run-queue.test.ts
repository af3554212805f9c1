import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { RunQueue } from '../../../src/backup/run-queue.js';

describe('runs in one process', () => {
  it('come one after the other, in the order they were asked for, failures included', async () => {
    const queue = new RunQueue();
    const events: string[] = [];
    const run = (name: string, fails = false) =>
      queue.run(undefined, async () => {
        events.push(`${name} begins`);
        await sleep(5);
        events.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      });

    const results = await Promise.allSettled([run('a'), run('b', true), run('c')]);

    expect(events).toEqual(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
  });

  it('can be given up while they wait; those behind still wait for the one in front', async () => {
    const queue = new RunQueue();
    const events: string[] = [];
    const stop = new AbortController();
    const first = queue.run(undefined, async () => {
      await sleep(30);
      events.push('first');
    });
    const second = queue.run(stop.signal, async () => void events.push('second'));
    const third = queue.run(undefined, async () => void events.push('third'));
    stop.abort();

    await expect(second).rejects.toMatchObject({ code: 'ABORTED' });
    await Promise.all([first, third]);
    expect(events).toEqual(['first', 'third']);
  });

  it('are told by their signal when the caller gives up, and keep listening to nothing afterwards', async () => {
    const queue = new RunQueue();
    const stop = new AbortController();
    const run = queue.run(stop.signal, async (signal) => {
      stop.abort();
      signal.throwIfAborted();
    });
    await expect(run).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(queue.run(stop.signal, async () => 1)).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(queue.run(undefined, async () => 1)).resolves.toBe(1);
  });

  it('are stopped by close, which waits until they have cleaned up', async () => {
    const queue = new RunQueue();
    const events: string[] = [];
    const running = queue.run(undefined, async (signal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await sleep(10);
      events.push('cleaned up');
      throw signal.reason;
    });
    const waiting = queue.run(undefined, async () => events.push('never'));
    const both = Promise.allSettled([running, waiting]);
    await sleep(1);

    await queue.close();

    expect(events).toEqual(['cleaned up']);
    expect((await both).map((result) => (result as PromiseRejectedResult).reason.code)).toEqual([
      'ABORTED',
      'ABORTED',
    ]);
    await expect(queue.run(undefined, async () => 1)).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
