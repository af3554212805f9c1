import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { describeWith, startOwnRedis } from '../servers/index.js';
import type { Figures } from './child.js';
import { effort } from './effort.js';
import { FAULTS } from './faults.js';
import { Ground } from './ground.js';
import { type ChildInstance, Children } from './instance.js';

const CYCLES = effort.isFull ? 10 : 1;
/** What fluctuates by itself: compiled code, caches of the runtime. */
const SLACK = 4 * 1024 * 1024;

/** Those after which a connection, or the line for messages, is made anew. */
const LOSSES = [
  'killed (SIGKILL)',
  'frozen (SIGSTOP)',
  'replies lost, never reset',
  'connections cut, every 200 ms',
];

describeWith('redis-server', 'One outage after another', () => {
  let ground: Ground;
  let children: Children;
  let child: ChildInstance;
  beforeEach(async () => {
    ground = await Ground.with(startOwnRedis);
    children = await Children.start(1);
  });
  afterEach(async () => {
    await children.end();
    await ground.stop();
  });

  const isUp = async () => {
    await expect
      .poll(async () => (await child.ask({ op: 'state' })).state, { timeout: 20_000, interval: 20 })
      .toBe('up');
  };

  async function suffer(names: readonly string[]): Promise<void> {
    for (const fault of FAULTS.filter(({ name }) => names.includes(name))) {
      const load = new AbortController();
      const callers = Array.from({ length: 12 }, async (_, caller) => {
        for (let call = 0; !load.signal.aborted; call += 1) {
          const key = `k${(caller * 7 + call) % 50}`;
          const [ms, ttl] = [1, 60];
          if (call % 5 === 0) await child.ask({ op: 'set', at: [], key, value: call, tags: ['t'] });
          else if (call % 11 === 0) await child.ask({ op: 'invalidate', at: [], tags: ['t'] });
          else {
            const terms = { ms, ttl, tags: ['t'], learnt: [], isStrict: false };
            await child.ask({ op: 'getOrSet', at: [], key, record: 0, load: terms });
          }
          await sleep(3);
        }
      });
      await sleep(50);
      await fault.begin(ground);
      await sleep(400);
      await fault.mend(ground);
      await isUp();
      load.abort();
      await Promise.all(callers);
    }
  }

  /** When nothing is under way. */
  async function figures(): Promise<Figures> {
    await sleep(1_500);
    await isUp();
    await child.figures();
    return child.figures();
  }

  it.each([
    ['of its own', false],
    ["of the application's", true],
  ])(
    `leaves nothing behind: %s client, ${CYCLES + 1} cycles`,
    async (_, isLent) => {
      const { url } = ground;
      const options = { redis: { url }, namespace: 'shop', breaker: { retry: '50ms' } };
      child = await children.open(options, () => 1, isLent ? url : undefined);
      // A connection that says nothing any more is for the owner of the client to give up.
      const losses = LOSSES.filter((name) => !isLent || !name.includes('never reset'));
      await suffer(losses);
      const before = await figures();
      for (let cycle = 0; cycle < CYCLES; cycle += 1) await suffer(losses);
      await expect
        .poll(async () => (await child.figures()).resources, { timeout: 10_000, interval: 100 })
        .toEqual(before.resources);
      const after = await figures();
      expect(after.listeners).toEqual(before.listeners);
      expect(after.warnings).toEqual([]);
      expect(after.heap - before.heap).toBeLessThan(SLACK);
      console.log(
        `${CYCLES * losses.length} outages: heap ${before.heap} → ${after.heap} bytes`,
        after.resources,
      );
    },
    600_000,
  );
});
