import type { Instance } from './instance.js';
import type { Load, Reply, Request } from './requests.js';
import { agrees, hears } from './sync.js';

/** A record of the database: where it is cached, under which tags, one of them known only when it is loaded. */
export interface Record {
  readonly index: number;
  readonly at: readonly string[];
  readonly key: string;
  readonly tag: string;
  readonly learnt?: string;
}

const record = (index: number, at: string, key: string, tag: string, learnt?: string): Record => ({
  index,
  at: at === '' ? [] : at.split('/'),
  key,
  tag,
  ...(learnt !== undefined && { learnt }),
});

/** In a namespace, its child and its grandchild, with the same keys and tags in each. */
export const RECORDS: readonly Record[] = [
  record(0, '', 'a', 't', 'd'),
  record(1, '', 'b', 't'),
  record(2, '', 'c', 'u'),
  record(3, 'child', 'a', 't', 'd'),
  record(4, 'child', 'b', 'u'),
  record(5, 'child/grandchild', 'a', 't', 'd'),
  record(6, 'child/grandchild', 'b', 'u'),
];

const isIn = ({ at }: Record, place: readonly string[]) => place.every((name, depth) => at[depth] === name);
const isSame = (one: readonly string[], other: readonly string[]) => one.join('/') === other.join('/');

export type ChangeKind =
  'set' | 'delete' | 'invalidate' | 'invalidateLearnt' | 'clear' | 'clearOne' | 'clearAll' | 'clearDeep';

interface Change {
  /** Which records are new when it is done, given the one that was drawn. */
  reach: (drawn: Record) => readonly Record[];
  request: (drawn: Record, version: number) => Request;
}

const CHANGES: { [kind in ChangeKind]: Change } = {
  set: {
    reach: (drawn) => [drawn],
    request: ({ at, key, tag, learnt = 'd' }, value) => ({ op: 'set', at, key, value, tags: [tag, learnt] }),
  },
  delete: { reach: (drawn) => [drawn], request: ({ at, key }) => ({ op: 'delete', at, key }) },
  invalidate: {
    reach: (drawn) => RECORDS.filter(({ at, tag }) => isSame(at, drawn.at) && tag === drawn.tag),
    request: ({ at, tag }) => ({ op: 'invalidate', at, tags: [tag] }),
  },
  invalidateLearnt: {
    reach: (drawn) => RECORDS.filter(({ at, learnt }) => isSame(at, drawn.at) && learnt === 'd'),
    request: ({ at }) => ({ op: 'invalidate', at, tags: ['d'] }),
  },
  clear: {
    reach: (drawn) => RECORDS.filter((one) => isIn(one, drawn.at)),
    request: ({ at }) => ({ op: 'clear', at }),
  },
  clearOne: {
    reach: (drawn) => RECORDS.filter(({ at, key }) => isSame(at, drawn.at) && key === drawn.key),
    request: ({ at, key }) => ({ op: 'clearPattern', at, glob: `[${key}]` }),
  },
  clearAll: {
    reach: (drawn) => RECORDS.filter(({ at }) => isSame(at, drawn.at)),
    request: ({ at }) => ({ op: 'clearPattern', at, glob: '*' }),
  },
  clearDeep: {
    reach: (drawn) => RECORDS.filter((one) => isIn(one, drawn.at)),
    request: ({ at }) => ({ op: 'clearPattern', at, glob: '**' }),
  },
};
export const CHANGE_KINDS = Object.keys(CHANGES) as ChangeKind[];

export type ReadKind = 'get' | 'getMany' | 'getOrSet';

/** One that reads and changes: an instance, and what of each record it has seen finish. */
export class Actor {
  readonly seen = new Map<Record, number>();
  isGone = false;

  constructor(
    readonly name: string,
    public instance: Instance,
    readonly isStrict = false,
    readonly remembers = true,
  ) {}

  /** Milliseconds of the slowest call, by operation. */
  readonly slowest: { [op: string]: number } = {};

  readonly ask = async (request: Request): Promise<Reply> => {
    const reply = await this.instance.ask(request);
    this.slowest[request.op] = Math.max(this.slowest[request.op] ?? 0, reply.took);
    return reply;
  };
}

/** Milliseconds after which an instance that counts has heard that the counter was cleared elsewhere. */
const HEARD = 1_000;

interface Counted {
  value: number;
  from: number;
  to: number;
}

/**
 * Says what may be read. The database is a number per record, which grows with each change; a change writes it
 * first and tells the cache then. Nobody may read a number older than that of a change which it saw finish: one of
 * its own, or one of another of which it has heard since.
 */
export class Oracle {
  readonly #truth = RECORDS.map(() => 0);
  /** The newest that a change which Redis was told of has made. */
  readonly #told = new Map<Record, number>();
  /** What a `set` that was given up may still write, until its instance has told Redis of it. */
  readonly #late = new Map<Record, Map<number, Actor>>();
  readonly #changing = new Map<Record, { settled: Promise<unknown>; stored: Promise<unknown> }>();
  readonly #counted: Counted[] = [];
  /** When counters may have begun anew. */
  readonly #resets: { from: number; to: number }[] = [];
  readonly wrong: string[] = [];
  readonly counts = { reads: 0, changes: 0, journalled: 0, increments: 0, refused: 0, heard: 0, late: 0 };

  /** With faults a change may be finished that Redis is told of only later. */
  constructor(private readonly hasFaults: boolean) {}

  get operations(): number {
    const { reads, changes, increments, heard } = this.counts;
    return reads + changes + increments + heard;
  }

  readonly truth = (index: number): number => this.#truth[index] as number;

  /** The registry was lost: counters begin anew when somebody notices, which may be any time later. */
  lost(): void {
    this.#resets.push({ from: performance.now(), to: Infinity });
  }

  async read(
    actor: Actor,
    drawn: Record,
    kind: ReadKind,
    load: Omit<Load, 'tags' | 'learnt'>,
  ): Promise<void> {
    const { at, key, index, tag, learnt } = drawn;
    const isStrict = actor.isStrict || (load.isStrict && kind === 'getOrSet');
    const asked = kind === 'getMany' ? RECORDS.filter((one) => isSame(one.at, at)) : [drawn];
    const floors = asked.map((one) => this.#floor(actor, one, isStrict));
    this.counts.reads += 1;
    if (kind === 'getMany') {
      const reply = await actor.ask({ op: 'getMany', at, keys: asked.map((one) => one.key) });
      const values = (reply.value ?? {}) as { [key: string]: unknown };
      asked.forEach((one, position) =>
        this.#judge(actor, one, kind, { ...reply, value: values[one.key] }, floors[position] as number),
      );
      return;
    }
    const tags = { tags: [tag], learnt: learnt === undefined ? [] : [learnt] };
    const reply = await actor.ask(
      kind === 'get'
        ? { op: 'get', at, key }
        : { op: 'getOrSet', at, key, record: index, load: { ...load, ...tags } },
    );
    this.#judge(actor, drawn, isStrict ? `strict ${kind}` : kind, reply, floors[0] as number);
  }

  /**
   * Changes of one record that do not commute follow one another, as an application's writes of one record do:
   * a `set` waits for all others, and all others wait for it.
   */
  async change(actor: Actor, drawn: Record, kind: ChangeKind): Promise<void> {
    const { reach, request } = CHANGES[kind];
    const records = reach(drawn);
    const before = records.map((one) => {
      const changing = this.#changing.get(one);
      return (kind === 'set' ? changing?.settled : changing?.stored) ?? Promise.resolve();
    });
    const done = Promise.all(before).then(() => this.#change(actor, drawn, kind, records, request));
    for (const one of records) {
      const settled = Promise.all([this.#changing.get(one)?.settled, done]);
      const stored = kind === 'set' ? settled : (this.#changing.get(one)?.stored ?? Promise.resolve());
      this.#changing.set(one, { settled, stored });
    }
    await done;
  }

  async increment(actor: Actor, at: readonly string[]): Promise<void> {
    this.counts.increments += 1;
    const from = performance.now();
    const { value, error } = await actor.ask({ op: 'increment', at, key: `count-${at.length}` });
    const to = performance.now();
    if (error === 'CACHE_UNAVAILABLE' || actor.isGone) this.counts.refused += 1;
    else if (error !== undefined) this.wrong.push(`increment of ${actor.name}: ${error}`);
    else this.#counted.push({ value: (value as number) * 10 + at.length, from, to });
  }

  /** What one has seen finish, the other has heard of from now on. */
  async tell(from: Actor, to: Actor, within: number): Promise<boolean> {
    const seen = new Map(from.seen);
    const told = to.remembers && !to.isStrict ? hears : agrees;
    this.counts.heard += 1;
    if (from === to) return true;
    const isOver = () => from.isGone || to.isGone;
    const isHeard = await told(to.ask, from.ask, { within, isOver });
    if (!isHeard || isOver()) return isOver();
    for (const [one, version] of seen) this.#learn(to.seen, one, version);
    return true;
  }

  /** When all is quiet: no instance reads what is older than any change that is done. */
  async settle(actors: readonly Actor[]): Promise<void> {
    const pairs = actors.flatMap((from) => actors.map((to) => ({ from, to })));
    const listening = pairs.map(async ({ from, to }) => {
      if (!(await this.tell(from, to, 20_000))) this.wrong.push(`${to.name} does not hear ${from.name}`);
    });
    await Promise.all(listening);
    this.#late.clear();
    for (const actor of actors)
      for (const [one, version] of this.#told) this.#learn(actor.seen, one, version);
    const asked = actors.flatMap((actor) => RECORDS.map((one) => ({ actor, one })));
    const last = { ms: 0, ttl: 60, isStrict: false };
    await Promise.all(asked.map(({ actor, one }) => this.read(actor, one, 'get', last)));
    this.#judgeCounters();
  }

  async #change(
    actor: Actor,
    drawn: Record,
    kind: ChangeKind,
    records: readonly Record[],
    request: Change['request'],
  ): Promise<void> {
    this.counts.changes += 1;
    for (const { index } of records) this.#truth[index] = (this.#truth[index] as number) + 1;
    const versions = records.map(({ index }) => this.#truth[index] as number);
    const from = performance.now();
    const reply = await actor.ask(request(drawn, versions[0] as number));
    if (reply.error !== undefined && !actor.isGone)
      this.wrong.push(`${kind} of ${actor.name}: ${reply.error}`);
    const isTold = reply.state === 'up' && !actor.isGone;
    if (reply.state !== 'up' && !actor.isGone) this.counts.journalled += 1;
    if (kind.startsWith('clear'))
      this.#resets.push({ from, to: isTold ? performance.now() + HEARD : Infinity });
    records.forEach((one, position) => {
      const version = versions[position] as number;
      if (kind === 'set' && !isTold) {
        const late = this.#late.get(one) ?? new Map<number, Actor>();
        this.#late.set(one, late.set(version, actor));
      }
      if (actor.isGone) return;
      this.#learn(actor.seen, one, version);
      if (isTold) this.#learn(this.#told, one, version);
    });
  }

  #floor(actor: Actor, one: Record, isStrict: boolean): number {
    const seen = actor.seen.get(one) ?? 0;
    return isStrict && !this.hasFaults ? Math.max(seen, this.#told.get(one) ?? 0) : seen;
  }

  #judge(actor: Actor, one: Record, kind: string, { value, error }: Reply, floor: number): void {
    if (actor.isGone) return;
    const name = [...one.at, one.key].join('/');
    if (error !== undefined) this.wrong.push(`${kind} of ${name} by ${actor.name}: ${error}`);
    if (value === undefined) return;
    const truth = this.truth(one.index);
    if (typeof value !== 'number' || value > truth) {
      this.wrong.push(
        `${kind} of ${name} by ${actor.name} gave ${JSON.stringify(value)}, which never was (${truth})`,
      );
    } else if (value < floor) {
      const by = this.#late.get(one)?.get(value);
      if (by && by !== actor) this.counts.late += 1;
      else this.wrong.push(`${kind} of ${name} by ${actor.name} gave ${value} after ${floor}`);
    }
  }

  #learn(seen: Map<Record, number>, one: Record, version: number): void {
    seen.set(one, Math.max(seen.get(one) ?? 0, version));
  }

  /** No number is given twice, unless the counter began anew in between. */
  #judgeCounters(): void {
    const byValue = new Map<number, Counted[]>();
    for (const counted of this.#counted) {
      const others = byValue.get(counted.value) ?? [];
      for (const other of others) {
        const [from, to] = [Math.min(counted.from, other.from), Math.max(counted.to, other.to)];
        if (!this.#resets.some((reset) => reset.from <= to && reset.to >= from))
          this.wrong.push(`a counter gave ${counted.value} twice`);
      }
      byValue.set(counted.value, [...others, counted]);
    }
  }
}
