// `npm run soak -- --minutes 3 [--seed 1]`: three processes under load while Redis and the wires to it fail at
// random. Ends with 1 when anything older was read, anybody waited too long, or anything grew.
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { findRedisServer } from '../../src/flora/servers/resolve.js';
import { startRedisServer } from '../../src/flora/servers/redis-server.js';
import { RedisProxy } from '../integration/cache/redis-proxy.js';
import { SOON } from './cell.js';
import { Ground } from './ground.js';
import { type ChildInstance, Children } from './instance.js';
import { Lots, RandomLoad } from './load.js';
import { Actor, Oracle } from './oracle.js';

const { values } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' } } });
const minutes = Number(values.minutes ?? 3);
const seed = Number(values.seed ?? Date.now() % 1_000_000);

const PROCESSES = 3;
const REPORT_EVERY = 10_000;
/** Milliseconds that `getOrSet` may wait for the load of another process, before its own. */
const LEASE_WAIT = 1_000;
/** What a heap may have more at the end than at the beginning: compiled code, caches of the runtime. */
const SLACK = 6 * 1024 * 1024;

const lots = new Lots(seed);

const found = await findRedisServer({ log: console.log });
const ground = await Ground.with((options) => startRedisServer(found, options));
const children = await Children.start(PROCESSES);
const proxies = await Promise.all(Array.from({ length: PROCESSES }, () => RedisProxy.to(ground.port)));
const oracle = new Oracle(true);
const instances: ChildInstance[] = [];
for (const [index, { port }] of proxies.entries()) {
  const url = ground.urlAt(port);
  const options = { redis: { url }, namespace: 'soak', lease: { wait: `${LEASE_WAIT}ms` } };
  const isLent = index === PROCESSES - 1; // on a client of the application's
  instances.push(await children.open(options, oracle.truth, isLent ? url : undefined));
}
const actors = instances.map((instance, index) => new Actor(`p${index}`, instance));

const FAULTS: { [name: string]: () => Promise<unknown> } = {
  killed: async () => {
    oracle.lost();
    await ground.kill('SIGKILL');
    await sleep(lots.below(2_000));
    await ground.startAgain();
  },
  'restarted empty': async () => {
    oracle.lost();
    await ground.kill('SIGKILL');
    await ground.startAgain();
  },
  frozen: async () => {
    await ground.kill('SIGSTOP');
    await sleep(200 + lots.below(2_800));
    await ground.kill('SIGCONT');
  },
  full: async () => {
    await ground.tell('CONFIG', 'SET', 'maxmemory', '1');
    await sleep(lots.below(1_000));
    await ground.tell('CONFIG', 'SET', 'maxmemory', '0');
  },
  flushed: async () => {
    oracle.lost();
    await ground.tell('FLUSHALL');
  },
  'scripts flushed': () => ground.tell('SCRIPT', 'FLUSH'),
  cut: async () => lots.of(proxies).cut('commands', 'messages'),
  'messages cut': async () => lots.of(proxies).cut('messages'),
  held: async () => {
    const proxy = lots.of(proxies);
    proxy.hold(lots.of(['commands', 'messages'] as const));
    await sleep(lots.below(2_000));
    proxy.release();
  },
  swallowed: async () => {
    const proxy = lots.of(proxies);
    proxy.swallow(lots.of(['requests', 'replies'] as const));
    await sleep(lots.below(2_000));
    proxy.mend();
  },
  silenced: async () => {
    const proxy = lots.of(proxies.slice(0, -1)); // a lent client is for its owner to give up
    proxy.swallow(lots.of(['requests', 'replies'] as const));
    await sleep(500);
    proxy.mend({ silently: true });
    await sleep(3_000);
  },
  slow: async () => {
    const proxy = lots.of(proxies);
    proxy.delay = () => lots.below(400);
    await sleep(lots.below(2_000));
    proxy.delay = () => 0;
  },
};
const befell: { [name: string]: number } = {};

async function isQuiet(): Promise<void> {
  const until = performance.now() + 30_000;
  for (const actor of actors) {
    while ((await actor.ask({ op: 'state' })).state !== 'up' && performance.now() < until) await sleep(50);
  }
  await sleep(1_500);
}

async function figures() {
  for (const instance of instances) await instance.figures();
  return Promise.all(instances.map((instance) => instance.figures()));
}

const began = performance.now();
let reported = 0;
async function report(): Promise<void> {
  const heaps = (await Promise.all(instances.map((instance) => instance.figures()))).map(({ heap }) =>
    mib(heap),
  );
  const { reads, changes, journalled, increments, refused, heard, late } = oracle.counts;
  const rate = Math.round((oracle.operations - reported) / (REPORT_EVERY / 1_000));
  reported = oracle.operations;
  const slowest = Math.ceil(Math.max(...actors.flatMap((actor) => Object.values(actor.slowest))));
  console.log(
    `${Math.round((performance.now() - began) / 1_000)} s: ${rate} calls/s; ${reads} reads, ${changes} changes ` +
      `(${journalled} while Redis was away), ${increments} increments (${refused} refused), ${heard} times heard of ` +
      `others; slowest ${slowest} ms; heaps ${heaps.join(' ')} MiB; ${late} late, ${oracle.wrong.length} wrong`,
  );
}
const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(1);

console.log(`Soak of ${minutes} minutes, seed ${seed}, ${PROCESSES} processes, Redis ${found.version}`);
const warmUp = new RandomLoad(lots, oracle, actors);
await sleep(Math.min(10_000, minutes * 20_000));
await warmUp.stop();
const before = await figures();

const reporting = setInterval(() => void report(), REPORT_EVERY);
const load = new RandomLoad(lots, oracle, actors);
load.loop(4_000, async () => {
  const name = lots.of(Object.keys(FAULTS));
  befell[name] = (befell[name] ?? 0) + 1;
  await FAULTS[name]?.();
});
await sleep(minutes * 60_000);
await load.stop();
clearInterval(reporting);
await isQuiet();
await oracle.settle(actors);
await report();
const after = await figures();

const wrong = [...oracle.wrong];
actors.forEach((actor, index) => {
  for (const [op, slowest] of Object.entries(actor.slowest)) {
    const limit = op === 'getOrSet' ? SOON + LEASE_WAIT : SOON;
    if (slowest > limit) wrong.push(`${op} of ${actor.name} took ${Math.round(slowest)} ms`);
  }
  const [first, last] = [before[index], after[index]];
  if (!first || !last) return;
  if (last.heap - first.heap > SLACK)
    wrong.push(`the heap of ${actor.name} grew from ${first.heap} to ${last.heap}`);
  for (const kind of ['TCPSocketWrap', 'Immediate']) {
    if ((last.resources[kind] ?? 0) > (first.resources[kind] ?? 0))
      wrong.push(
        `${actor.name} has ${last.resources[kind]} of ${kind}, it had ${first.resources[kind] ?? 0}`,
      );
  }
  for (const [event, listeners] of Object.entries(last.listeners)) {
    if (listeners > (first.listeners[event] ?? 0))
      wrong.push(`${actor.name} has ${listeners} listeners of ${event}`);
  }
  for (const warning of last.warnings) wrong.push(`${actor.name} was warned: ${warning}`);
});

console.log(`Befell: ${JSON.stringify(befell)}`);
console.log(
  `Slowest, ms: ${JSON.stringify(
    actors.map(({ slowest }) => slowest),
    (_, value: unknown) => (typeof value === 'number' ? Math.ceil(value) : value),
  )}`,
);
console.log(
  `At the end: ${JSON.stringify(after.map(({ heap, ...more }) => ({ heap: mib(heap), ...more })))}`,
);
for (const one of wrong.slice(0, 20)) console.log(`WRONG: ${one}`);
console.log(wrong.length === 0 ? 'Nothing wrong.' : `${wrong.length} wrong, seed ${seed}.`);

await children.end();
await Promise.all(proxies.map((proxy) => proxy.close()));
await ground.stop();
process.exitCode = wrong.length === 0 ? 0 : 1;
