import { setTimeout as sleep } from 'node:timers/promises';
import type { Reply, Request } from './requests.js';

/** Asks one instance of the cache, wherever it runs. */
export type Ask = (request: Request) => Promise<Reply>;

/** When to give up: after so many ms, or when one of the two has ended. */
export interface Patience {
  within: number;
  isOver?: () => boolean;
}

let rounds = 0;

/**
 * True when `listener` has received all that `speaker` had announced before; false when that took too long.
 * Messages keep their order, so it has when it heard of one that came after: its memory holds a value that only a
 * message, or the loss of all that it remembers, takes away.
 */
export async function hears(listener: Ask, speaker: Ask, patience: Patience): Promise<boolean> {
  const canary = newCanary();
  const isOver = giveUp(patience);
  while (!isOver()) {
    await speaker({ op: 'set', ...canary, value: 'sings', tags: [] });
    await listener({ op: 'get', ...canary });
    const { value, isInMemory } = seen(await listener({ op: 'peek', ...canary }));
    if (value === 'sings' && isInMemory) {
      await speaker({ op: 'set', ...canary, value: 'silent', tags: [] });
      let heard: unknown = 'sings';
      while (heard === 'sings' && !isOver()) {
        heard = seen(await listener({ op: 'peek', ...canary })).value;
        if (heard === 'silent') return true;
        await sleep(1);
      }
      // Cleared by somebody else, which says nothing: once more.
    }
    await sleep(5);
  }
  return false;
}

/** For listeners that remember nothing of their own: what they read is what Redis holds. */
export async function agrees(listener: Ask, speaker: Ask, patience: Patience): Promise<boolean> {
  const canary = newCanary();
  const isOver = giveUp(patience);
  while (!isOver()) {
    await speaker({ op: 'set', ...canary, value: 'silent', tags: [] });
    if (seen(await listener({ op: 'peek', ...canary })).value === 'silent') return true;
    await sleep(5);
  }
  return false;
}

function giveUp({ within, isOver = () => false }: Patience): () => boolean {
  const until = performance.now() + within;
  return () => performance.now() > until || isOver();
}

function newCanary() {
  rounds += 1;
  return { at: ['canaries'], key: `canary-${process.pid}-${rounds}` };
}

const seen = ({ value }: Reply) => (value ?? {}) as { value?: unknown; isInMemory?: boolean };
