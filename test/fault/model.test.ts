import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisProxy } from '../integration/cache/redis-proxy.js';
import { describeWith, startOwnRedis } from '../servers/index.js';
import { effort } from './effort.js';
import { Ground } from './ground.js';
import { Children, localInstance } from './instance.js';
import { Lots, RandomLoad } from './load.js';
import { Actor, Oracle } from './oracle.js';
import { type Program, programs, run } from './program.js';

/** Programs of one seed. When they are done and there is time left, the next seed follows. */
const PROGRAMS = 5;
/** A program that has failed is tried so many times while it is made smaller: chance has a part in it. */
const TRIES = 4;
/** Milliseconds for making it smaller. */
const SMALLER_WITHIN = 60_000;

const VARIANTS = [
  { name: 'instances in one process', hasFaults: false, areProcesses: false },
  {
    name: 'instances in one process, their wires cut, held and broken off',
    hasFaults: true,
    areProcesses: false,
  },
  { name: 'processes of their own, which are killed', hasFaults: false, areProcesses: true },
  {
    name: 'processes of their own, killed, their wires cut, held and broken off',
    hasFaults: true,
    areProcesses: true,
  },
];

/** Random programs for as long as there is time: the smallest found that went wrong, and how much was done. */
async function tried(
  runOne: (program: Program) => Promise<Oracle>,
  hasFaults: boolean,
): Promise<{ failure?: string; summary: string }> {
  const done: { [what: string]: number } = {};
  let programsRun = 0;
  let hasFailed = false;
  let running: Promise<Oracle> | undefined;
  const property = fc.asyncProperty(programs({ hasFaults }), async (program) => {
    for (let tries = hasFailed ? TRIES : 1; tries > 0; tries -= 1) {
      running = runOne(program);
      const { wrong, counts } = await running;
      programsRun += 1;
      for (const [what, count] of Object.entries(counts)) done[what] = (done[what] ?? 0) + count;
      hasFailed ||= wrong.length > 0;
      if (wrong.length > 0) throw new Error(wrong.slice(0, 10).join('\n'));
    }
  });
  const until = performance.now() + effort.modelTime;
  let { seed } = effort;
  for (; performance.now() < until; seed += 1) {
    const { failed, counterexample, errorInstance } = await fc.check(property, {
      seed,
      numRuns: PROGRAMS,
      interruptAfterTimeLimit: SMALLER_WITHIN + effort.modelTime,
    });
    await running; // a program that was interrupted goes on, and must not befall the next
    if (!failed) continue;
    const failure = `${String(errorInstance)}\nFAULT_SEED=${seed}, ${JSON.stringify(counterexample?.[0])}`;
    return { failure, summary: '' };
  }
  return {
    summary: `seeds ${effort.seed} to ${seed - 1}, ${programsRun} programs, ${JSON.stringify(done)}`,
  };
}

describeWith('redis-server', 'Random programs of several instances', () => {
  let ground: Ground;
  let children: Children;
  beforeAll(async () => {
    ground = await Ground.with(startOwnRedis);
    children = await Children.start(5);
  });
  afterAll(async () => {
    await children.end();
    await ground.stop();
  });

  describe.each(VARIANTS)('$name', ({ name, hasFaults, areProcesses }) => {
    it(
      'none reads what is older than a change that it knows to be done',
      { timeout: effort.modelTime * 3 + 2 * SMALLER_WITHIN },
      async () => {
        const open = areProcesses ? children.open : localInstance;
        const { failure, summary } = await tried(
          (program) => run(program, ground, open, { hasFaults }),
          hasFaults,
        );
        expect(failure).toBeUndefined();
        console.log(`${name}: ${summary}`);
      },
    );
  });

  it(
    'three instances under load, on wires that take their time: none reads what is older',
    async () => {
      const oracle = new Oracle(false);
      const lots = new Lots(effort.seed);
      const proxies = await Promise.all([1, 2, 3].map(() => RedisProxy.to(ground.port)));
      const actors = await Promise.all(
        proxies.map(async (proxy, index) => {
          const options = {
            redis: { url: ground.urlAt(proxy.port) },
            namespace: 'load',
            lease: { ttl: '300ms', wait: '150ms' },
            deadline: { read: '20s', write: '20s' },
          };
          const instance = await localInstance(options, oracle.truth);
          proxy.delay = () => lots.below(6);
          return new Actor(`p${index}`, instance);
        }),
      );
      const load = new RandomLoad(lots, oracle, actors);
      await sleep(effort.modelTime);
      await load.stop();
      await oracle.settle(actors);
      for (const { instance } of actors) await instance.end();
      for (const proxy of proxies) await proxy.close();
      expect(oracle.wrong).toEqual([]);
      console.log(`Three instances under load: seed ${effort.seed}, ${JSON.stringify(oracle.counts)}`);
    },
    effort.modelTime + 60_000,
  );
});
