import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheService } from '../../../src/cache/cache.service.js';

interface Written {
  version: number;
  at: number;
}

/** Nobody may wait for longer, whatever Redis does: deadlines plus what a busy machine adds. */
const SOON = 4_000;
const KEYS = 60;
const WORKERS = 12;

/**
 * Reads and writes as an application does, with one writer for each key. What a read gives must not be older than
 * the last write that finished before the read began, except for what a failover may lose.
 */
export class Load {
  readonly keys = Array.from({ length: KEYS }, (_, index) => `load-${index}`);
  /** Calls that failed, or took too long. */
  readonly failures: string[] = [];
  /** Reads that gave what was replaced. */
  readonly old: string[] = [];
  readonly #written = new Map<string, Written[]>();
  #loss = { from: Infinity, until: Infinity };
  readonly #end = new AbortController();
  #workers: Promise<void>[] = [];

  /** @param patience how long a call may take, in ms */
  constructor(
    private readonly cache: CacheService,
    private readonly patience = SOON,
  ) {}

  start(): void {
    this.#workers = Array.from({ length: WORKERS }, (_, index) => this.#work(index));
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.#workers);
  }

  /** What was acknowledged from this time on may be lost by a failover … */
  allowLossFrom(time: number): void {
    this.#loss.from = time;
  }

  /** … up to this time. */
  allowLossUntil(time: number): void {
    this.#loss.until = time;
  }

  async #work(worker: number): Promise<void> {
    const mine = this.keys.filter((_, index) => index % WORKERS === worker);
    for (let version = 1; !this.#end.signal.aborted; version += 1) {
      const key = mine[version % mine.length] as string;
      await this.#call(`set ${key}`, () => this.cache.set(key, version, { ttl: 600, tags: ['load'] }));
      this.#note(key, version);
      await this.#read(key);
      await this.#read(this.keys[Math.floor(Math.random() * KEYS)] as string);
      if (version % 20 === 0) {
        await this.#call(`delete ${key}`, () => this.cache.delete(key));
        await this.#call(`invalidate`, () => this.cache.invalidateTags(`worker-${worker}`));
        await this.#call(`getOrSet`, () =>
          this.cache.getOrSet(`loaded-${worker}`, () => version, { tags: [`worker-${worker}`] }),
        );
      }
      await sleep(1);
    }
  }

  async #read(key: string): Promise<void> {
    const floor = this.#floor(key);
    const found = await this.#call(`get ${key}`, () => this.cache.get<number>(key));
    if (found !== undefined && found < floor) this.old.push(`${key} is ${found}, was ${floor}`);
  }

  #note(key: string, version: number): void {
    const written = this.#written.get(key) ?? [];
    written.push({ version, at: Date.now() });
    this.#written.set(key, written);
  }

  #floor(key: string): number {
    const { from, until } = this.#loss;
    const sure = this.#written.get(key)?.findLast(({ at }) => at < from || at > until);
    return sure?.version ?? 0;
  }

  async #call<T>(name: string, call: () => Promise<T>): Promise<T | undefined> {
    const started = Date.now();
    try {
      return await call();
    } catch (error) {
      this.failures.push(`${name}: ${(error as Error).message}`);
      return undefined;
    } finally {
      const took = Date.now() - started;
      if (took > this.patience) this.failures.push(`${name} took ${took} ms`);
    }
  }
}
