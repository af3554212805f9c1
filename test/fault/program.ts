import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import type { CacheModuleOptions } from '../../src/cache/cache.options.js';
import { RedisProxy } from '../integration/cache/redis-proxy.js';
import type { Ground } from './ground.js';
import type { Instance } from './instance.js';
import {
  Actor,
  CHANGE_KINDS,
  type ChangeKind,
  Oracle,
  type ReadKind,
  type Record,
  RECORDS,
} from './oracle.js';
import type { Truth } from './requests.js';

type Step =
  | { do: 'read'; kind: ReadKind; record: number; ms: number; ttl: number | string; isStrict: boolean }
  | { do: 'change'; kind: ChangeKind; record: number }
  | { do: 'increment'; depth: number }
  | { do: 'tell'; to: number }
  | { do: 'pause'; ms: number };

/** What one caller does, one step after the other. */
interface Thread {
  actor: number;
  steps: readonly Step[];
}

interface Blow {
  kind: BlowKind;
  actor: number;
  after: number;
}

/** Instances, callers that run side by side, and what befalls them meanwhile. */
export interface Program {
  actors: readonly { isStrict: boolean; remembers: boolean }[];
  longestDelay: number;
  threads: readonly Thread[];
  blows: readonly Blow[];
}

interface Stage {
  oracle: Oracle;
  ground: Ground;
  namespace: string;
  actors: Actor[];
  proxies: RedisProxy[];
  open: (position: number) => Promise<void>;
  hasFaults: boolean;
}

const BLOWS = {
  /** All keys are gone, the registry included. */
  flush: async ({ ground, oracle }) => {
    oracle.lost();
    await ground.tell('FLUSHDB');
  },
  /** Entries stay, and nobody knows what was invalidated. */
  registryLost: async ({ ground, namespace, oracle }) => {
    oracle.lost();
    await ground.tell('UNLINK', `{${namespace}}:tags`);
  },
  scriptsLost: ({ ground }) => ground.tell('SCRIPT', 'FLUSH'),
  messagesCut: async ({ proxies }, actor) => proxies[actor]?.cut('messages'),
  messagesHeld: ({ proxies }, actor) => held(proxies[actor], 'messages'),
  crash: (stage, actor) => stage.open(actor),
  commandsCut: async ({ proxies }, actor) => proxies[actor]?.cut('commands'),
  cut: async ({ proxies }, actor) => proxies[actor]?.cut('commands', 'messages'),
  commandsHeld: ({ proxies }, actor) => held(proxies[actor], 'commands'),
  requestsLost: ({ proxies }, actor) => swallowed(proxies[actor], 'requests'),
  repliesLost: ({ proxies }, actor) => swallowed(proxies[actor], 'replies'),
  brokenOff: async ({ proxies }, actor) => {
    proxies[actor]?.breakOff();
    await sleep(60);
    proxies[actor]?.mend();
  },
} satisfies { [name: string]: (stage: Stage, actor: number) => Promise<unknown> };
type BlowKind = keyof typeof BLOWS;
const HARMLESS: readonly BlowKind[] = ['flush', 'registryLost', 'scriptsLost', 'messagesCut', 'crash'];

async function held(proxy: RedisProxy | undefined, line: 'commands' | 'messages'): Promise<void> {
  proxy?.hold(line);
  await sleep(180);
  proxy?.release();
}

async function swallowed(proxy: RedisProxy | undefined, way: 'requests' | 'replies'): Promise<void> {
  proxy?.swallow(way);
  await sleep(180);
  proxy?.mend();
}

/** What leaves most entries where they are: only what is there can be older than it may be. */
const NARROW: readonly ChangeKind[] = ['set', 'delete', 'invalidate', 'set', 'delete', 'invalidateLearnt'];

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      kind: fc.constantFrom<ReadKind>('getOrSet', 'getOrSet', 'get', 'getMany'),
      record: fc.nat({ max: RECORDS.length - 1 }),
      ms: fc.constantFrom(0, 1, 5, 30),
      ttl: fc.constantFrom<number | string>(60, 60, 60, '25ms'),
      isStrict: fc.constantFrom(false, false, false, true),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('change' as const),
      kind: fc.constantFrom<ChangeKind>(...CHANGE_KINDS, ...NARROW, ...NARROW),
      record: fc.nat({ max: RECORDS.length - 1 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('increment' as const), depth: fc.nat({ max: 1 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('tell' as const), to: fc.nat({ max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('pause' as const), ms: fc.nat({ max: 12 }) }) },
);

export const programs = ({ hasFaults }: { hasFaults: boolean }): fc.Arbitrary<Program> =>
  fc.record({
    actors: fc.array(
      fc.record({
        isStrict: fc.constantFrom(false, false, false, true),
        remembers: fc.constantFrom(true, true, true, false),
      }),
      { minLength: 2, maxLength: 4 },
    ),
    longestDelay: fc.nat({ max: 5 }),
    threads: fc.array(
      fc.record({
        actor: fc.nat({ max: 3 }),
        steps: fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }),
      }),
      { minLength: 2, maxLength: 14, size: 'max' },
    ),
    blows: fc.array(
      fc.record({
        kind: fc.constantFrom(...(hasFaults ? (Object.keys(BLOWS) as BlowKind[]) : HARMLESS)),
        actor: fc.nat({ max: 3 }),
        after: fc.nat({ max: 80 }),
      }),
      { maxLength: hasFaults ? 12 : 6, size: 'max' },
    ),
  });

export type OpenInstance = (options: CacheModuleOptions, truth: Truth) => Promise<Instance>;

let runs = 0;

/** Runs a program to its end and gives the oracle that watched it. */
export async function run(
  program: Program,
  ground: Ground,
  openInstance: OpenInstance,
  { hasFaults }: { hasFaults: boolean },
): Promise<Oracle> {
  runs += 1;
  const oracle = new Oracle(hasFaults);
  const namespace = `model-${process.pid}-${runs}`;
  const proxies = await Promise.all(program.actors.map(() => RedisProxy.to(ground.port)));
  const stage: Stage = { oracle, ground, namespace, actors: [], proxies, hasFaults, open };
  async function open(position: number): Promise<void> {
    const kind = program.actors[position];
    if (!kind) return;
    const before = stage.actors[position];
    if (before) {
      before.isGone = true;
      await before.instance.crash();
    }
    const deadline = hasFaults ? '100ms' : '20s';
    const instance = await openInstance(
      {
        redis: { url: ground.urlAt((proxies[position] as RedisProxy).port) },
        namespace,
        lease: { ttl: '300ms', wait: '150ms' },
        deadline: { read: deadline, write: deadline },
        breaker: { retry: '20ms' },
        ...(kind.isStrict && { consistency: 'strict' }),
        ...(!kind.remembers && { memory: false }),
      },
      oracle.truth,
    );
    const actor = new Actor(`p${position}`, instance, kind.isStrict, kind.remembers);
    // What was finished without faults, Redis was told of: nobody who comes later may read anything older.
    if (before && !hasFaults) for (const [one, version] of before.seen) actor.seen.set(one, version);
    stage.actors[position] = actor;
  }
  try {
    await Promise.all(program.actors.map((_, position) => open(position)));
    for (const proxy of proxies) proxy.delay = () => Math.random() * program.longestDelay;
    await Promise.all([
      ...program.threads.map((thread) => follow(stage, thread)),
      befall(stage, program.blows),
    ]);
    for (const proxy of proxies) proxy.delay = () => 0;
    await oracle.settle(stage.actors);
  } finally {
    await Promise.all(stage.actors.map(({ instance }) => instance.end()));
    await Promise.all(proxies.map((proxy) => proxy.close()));
  }
  return oracle;
}

async function follow(stage: Stage, { actor: position, steps }: Thread): Promise<void> {
  const { oracle, hasFaults } = stage;
  const actorAt = (index: number) => stage.actors[index % stage.actors.length] as Actor;
  for (const one of steps) {
    if (oracle.wrong.length > 0) return;
    const actor = actorAt(position); // another one after a crash
    if (one.do === 'read') await oracle.read(actor, RECORDS[one.record] as Record, one.kind, one);
    if (one.do === 'change') await oracle.change(actor, RECORDS[one.record] as Record, one.kind);
    if (one.do === 'increment') await oracle.increment(actor, one.depth === 0 ? [] : ['child']);
    if (one.do === 'pause') await sleep(one.ms);
    if (one.do === 'tell') {
      const to = actorAt(one.to);
      const isHeard = await oracle.tell(actor, to, hasFaults ? 300 : 20_000);
      if (!isHeard && !hasFaults) oracle.wrong.push(`${to.name} does not hear ${actor.name}`);
    }
  }
}

async function befall(stage: Stage, blows: readonly Blow[]): Promise<void> {
  for (const { kind, actor, after } of blows) {
    await sleep(after);
    await BLOWS[kind](stage, actor % stage.actors.length);
  }
}
