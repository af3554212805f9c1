/** The n-th operation. What it gives may be a promise or not. */
export type Operation = (n: number) => unknown;

export interface Slot {
  operations: number;
  seconds: number;
  /** Of this process, user and system. */
  cpuMicroseconds: number;
}

/** How many callers wait at the same time. */
export const IN_FLIGHT = 64;
const SEQUENTIAL_BATCH = 32;
const CHECK_EVERY = 16;

/** One operation after the other, each awaited. */
export async function sequentially(operation: Operation, from: number, ms: number): Promise<Slot> {
  let n = from;
  return timed(async () => {
    const until = performance.now() + ms;
    do {
      for (let i = 0; i < SEQUENTIAL_BATCH; i++) await operation(n++);
    } while (performance.now() < until);
    return n - from;
  });
}

/** 64 callers, each with its next operation as soon as its last one is answered. */
export async function inFlight(operation: Operation, from: number, ms: number): Promise<Slot> {
  let n = from;
  return timed(async () => {
    const until = performance.now() + ms;
    let over = false;
    const caller = async () => {
      while (!over) {
        if (n % CHECK_EVERY === 0 && performance.now() >= until) over = true;
        await operation(n++);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
    return n - from;
  });
}

async function timed(work: () => Promise<number>): Promise<Slot> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const operations = await work();
  const seconds = (performance.now() - start) / 1_000;
  const { user, system } = process.cpuUsage(cpu);
  return { operations, seconds, cpuMicroseconds: user + system };
}

/** All of a list, 64 at a time. */
export async function forAll<T>(list: readonly T[], act: (one: T) => unknown): Promise<void> {
  let n = 0;
  const caller = async () => {
    while (n < list.length) await act(list[n++] as T);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
}
