import { setTimeout as sleep } from 'node:timers/promises';
import { createCache, type CacheService } from '../../src/cache/cache.service.js';
import type { CacheModuleOptions } from '../../src/cache/cache.options.js';
import { type Fault, lastsOf } from './faults.js';
import { Ground, type Start } from './ground.js';
import { change, type ChangeName, CHANGES, newShelf, READS, type Shelf, TAG } from './records.js';
import { perform } from './requests.js';
import { type Ask, hears } from './sync.js';

export const OPERATIONS = [...Object.keys(READS), ...Object.keys(CHANGES), 'increment'] as const;

/** No call may take longer: the deadlines (250 and 500 ms), several of them in a row, and a busy machine. */
export const SOON = 3_000;
const CALLERS = 24;
const HEALTHY = 150;
/** A cache that is not back by then will not be. */
const BACK_WITHIN = 15_000;

/** What happened to one operation under one fault. */
export interface Cell {
  fault: string;
  operation: string;
  /** How often each thing happened, from the fault's begin to its end. */
  outcomes: Map<string, number>;
  /** Of the operation, in that time. */
  calls: number;
  /** Of all kinds, from first to last. */
  allCalls: number;
  /** Milliseconds. */
  slowest: number;
  /** Milliseconds from the fault's end until a write of this process is read by another. */
  recovery: number;
  /** What may not happen and did. */
  wrong: string[];
}

/** Some dozen callers of one operation while a fault comes and goes, watched by readers; then what is left of it. */
export async function runCell(fault: Fault, operation: string, start: Start): Promise<Cell> {
  const cell: Cell = {
    fault: fault.name,
    operation,
    outcomes: new Map(),
    calls: 0,
    allCalls: 0,
    slowest: 0,
    recovery: Number.NaN,
    wrong: [],
  };
  const ground = await Ground.with(start);
  const caches: CacheService[] = [];
  const cacheAt = async (url: string, options: CacheModuleOptions = {}) => {
    const cache = await createCache({ redis: { url }, namespace: 'shop', ...options });
    caches.push(cache);
    return cache;
  };
  try {
    const url = fault.onWire ? ground.url : ground.directUrl;
    const cache = await cacheAt(url);
    const other = await cacheAt(url);
    const load = new Load(cell, cache, other);
    await load.fill();
    load.begin();
    await sleep(HEALTHY);
    load.isFaulty = true;
    await fault.begin(ground);
    await sleep(lastsOf(fault));
    await fault.mend(ground);
    const mended = performance.now();
    load.isFaulty = false;
    const isBack = await untilBack(cache, other);
    cell.recovery = performance.now() - mended;
    await load.end();
    if (!isBack) {
      cell.wrong.push(`not back within ${BACK_WITHIN} ms: ${JSON.stringify(cache.stats())}`);
      return cell;
    }
    await load.check(cache, 'this process');
    if (!(await hears(askOf(other), askOf(cache), { within: BACK_WITHIN })))
      cell.wrong.push('another process does not hear');
    await load.check(other, 'another process');
    await load.check(await cacheAt(ground.directUrl, { memory: false }), 'a new process');
    if (!fault.losesData) await load.checkCounters(cache);
    if (cache.stats().journalled > 0) cell.wrong.push('a write is still journalled');
    return cell;
  } finally {
    await Promise.all(caches.map((cache) => cache.close()));
    await ground.stop();
  }
}

const askOf =
  (cache: CacheService): Ask =>
  (request) =>
    perform(cache, request, () => 0);

/** Both answer, and one reads what the other writes. */
async function untilBack(cache: CacheService, other: CacheService): Promise<boolean> {
  const until = performance.now() + BACK_WITHIN;
  for (let round = 1; performance.now() < until; round += 1) {
    if (cache.stats().state === 'up') {
      await cache.set('back', round).catch(() => {});
      if ((await other.get('back').catch(() => {})) === round) return true;
    }
    await sleep(5);
  }
  return false;
}

class Load {
  isFaulty = false;
  #isOver = false;
  readonly #shelves: readonly Shelf[];
  readonly #loops: Promise<void>[] = [];
  readonly #counted = new Map<string, Set<number>>();
  readonly #doubled: string[] = [];
  #refused = 0;

  constructor(
    private readonly cell: Cell,
    private readonly cache: CacheService,
    private readonly other: CacheService,
  ) {
    const changers = this.#isChange ? CALLERS : 8;
    this.#shelves = Array.from({ length: changers }, (_, index) => newShelf(`s${index}`));
  }

  get #isChange(): boolean {
    return this.cell.operation in CHANGES;
  }

  /** Both processes have read everything once. */
  async fill(): Promise<void> {
    for (const { name, records } of this.#shelves)
      for (const record of records)
        for (const cache of [this.cache, this.other])
          await cache.namespace(name).set(record.key, 1, { ttl: 600, tags: [TAG] });
  }

  begin(): void {
    const { operation } = this.cell;
    const names = Object.keys(CHANGES) as ChangeName[];
    for (const shelf of this.#shelves) {
      let turn = 0;
      this.#loop(this.#isChange ? 8 : 40, async () => {
        const name = this.#isChange
          ? (operation as ChangeName)
          : (names[(turn += 1) % names.length] as ChangeName);
        await change(name, this.cache.namespace(shelf.name), shelf, (call) => this.#timed(name, call));
      });
    }
    const timesAsked = this.#isChange ? 12 : CALLERS;
    for (let caller = 0; caller < timesAsked; caller += 1) {
      const reads = this.#isChange ? ['get', 'getOrSet'] : [operation];
      if (operation === 'increment') this.#loop(8, () => this.#increment(`n${caller % 6}`));
      else this.#loop(8, () => this.#read(this.cache, reads[caller % reads.length] as string));
    }
    // Others read too; what they know of this process's changes is judged when the fault is over.
    for (let caller = 0; caller < 4; caller += 1) this.#loop(15, () => this.#read(this.other, 'get', true));
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#loops);
  }

  async check(cache: CacheService, whose: string): Promise<void> {
    for (const { name, records } of this.#shelves) {
      for (const { key, finished } of records) {
        const value = await cache.namespace(name).get<number>(key);
        if (value !== undefined && value < finished)
          this.cell.wrong.push(`${whose} reads ${value} after ${finished}, afterwards`);
      }
    }
  }

  /** Each number was given once, and none is lost that was given. */
  async checkCounters(cache: CacheService): Promise<void> {
    this.cell.wrong.push(...this.#doubled);
    for (const [key, numbers] of this.#counted) {
      const value = await cache.increment(key, 0);
      const most = Math.max(...numbers);
      if (value < most || value > numbers.size + this.#refused)
        this.cell.wrong.push(
          `${key} is ${value}; given ${numbers.size} up to ${most}, refused ${this.#refused}`,
        );
    }
  }

  #loop(longestPause: number, act: () => Promise<unknown>): void {
    const run = async () => {
      while (!this.#isOver) {
        await act();
        await sleep(1 + Math.random() * longestPause);
      }
    };
    this.#loops.push(run());
  }

  async #read(cache: CacheService, name: string, isOther = false): Promise<void> {
    const shelf = this.#shelves[Math.floor(Math.random() * this.#shelves.length)] as Shelf;
    const record = shelf.records[
      Math.floor(Math.random() * shelf.records.length)
    ] as Shelf['records'][number];
    const read = READS[name] as (typeof READS)[string];
    const answer = await this.#timed(isOther ? `${name} of another` : name, () =>
      read(cache.namespace(shelf.name), record),
    );
    if (answer?.wrong !== undefined && !isOther) this.cell.wrong.push(`${name}: ${answer.wrong}`);
  }

  async #increment(key: string): Promise<void> {
    const value = await this.#timed('increment', () => this.cache.increment(key));
    if (value === undefined) {
      this.#refused += 1;
      return;
    }
    const numbers = this.#counted.get(key) ?? new Set();
    if (numbers.has(value)) this.#doubled.push(`${key} was ${value} twice`);
    this.#counted.set(key, numbers.add(value));
  }

  async #timed<T>(name: string, call: () => Promise<T>): Promise<T | undefined> {
    const { cell } = this;
    const began = performance.now();
    cell.allCalls += 1;
    let outcome: string;
    let result: T | undefined;
    try {
      result = await call();
      outcome = this.#outcomeOf(name, result);
    } catch (error) {
      const { code = String(error) } = error as { code?: string };
      outcome = code;
      if (name !== 'increment' || code !== 'CACHE_UNAVAILABLE') cell.wrong.push(`${name} rejected: ${code}`);
    }
    const took = performance.now() - began;
    if (took > SOON) cell.wrong.push(`${name} took ${Math.round(took)} ms`);
    if (name === cell.operation) {
      cell.slowest = Math.max(cell.slowest, took);
      if (this.isFaulty) {
        cell.calls += 1;
        cell.outcomes.set(outcome, (cell.outcomes.get(outcome) ?? 0) + 1);
      }
    }
    return result;
  }

  #outcomeOf(name: string, result: unknown): string {
    if (name in CHANGES) return this.cache.stats().state === 'up' ? 'done' : 'remembered';
    return name === 'increment' ? 'number' : (result as { outcome: string }).outcome;
  }
}
