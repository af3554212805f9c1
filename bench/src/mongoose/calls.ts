import { setImmediate as turn } from 'node:timers/promises';
import { median } from '../harness/statistics.js';

/** Calls one after the other. */
export interface Calls {
  readonly operations: number;
  /** The median of the calls: one that the machine held up for long says nothing about the others. */
  readonly microseconds: number;
  /** Of this process, user and system, for a call. */
  readonly cpuMicroseconds: number;
}

type Operation = (n: number) => Promise<unknown>;

/** For so long; numbers of the calls begin with `from`. All that they cost is part of the processor time. */
export async function callsFor(ms: number, operation: Operation, from: number): Promise<Calls> {
  const microseconds: number[] = [];
  const cpu = process.cpuUsage();
  const begin = performance.now();
  let end = begin;
  for (let n = from; end < begin + ms; n++) {
    await operation(n);
    const now = performance.now();
    microseconds.push((now - end) * 1_000);
    end = now;
  }
  const cpuMicroseconds = since(cpu) / microseconds.length;
  return { operations: microseconds.length, microseconds: median(microseconds), cpuMicroseconds };
}

/**
 * Until this process has worked for so long, however little of the machine it gets. Hits in memory let nothing else
 * run: without a turn for its connections now and then, those would be taken for lost.
 */
export async function warmUp(cpuMs: number, operation: Operation): Promise<void> {
  const cpu = process.cpuUsage();
  for (let n = 0; since(cpu) < cpuMs * 1_000; n++) {
    await operation(n);
    if (n % 100 === 0) await turn();
  }
}

/** Calls between which others are made: the processor time is a median, too, so nothing is counted that they left. */
export class SingleCalls {
  readonly #microseconds: number[] = [];
  readonly #cpuMicroseconds: number[] = [];

  async time(call: () => Promise<unknown>): Promise<void> {
    const cpu = process.cpuUsage();
    const start = performance.now();
    await call();
    this.#microseconds.push((performance.now() - start) * 1_000);
    this.#cpuMicroseconds.push(since(cpu));
  }

  summary(): Calls {
    return {
      operations: this.#microseconds.length,
      microseconds: median(this.#microseconds),
      cpuMicroseconds: median(this.#cpuMicroseconds),
    };
  }
}

function since(cpu: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(cpu);
  return user + system;
}
