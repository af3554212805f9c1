import type { Stamp } from './entry.js';

/** Messages carry keys, tags and stamps, never values: `i` sender, `k` key, `s` stamp of tags `t`, `p`/`g` pattern. */
export const keyMessage = (sender: string, key: string): string => JSON.stringify({ i: sender, k: key });
export const patternMessage = (sender: string, prefix: string, glob: string): string =>
  JSON.stringify({ i: sender, p: prefix, g: glob });

export interface BusListener {
  /** Set, deleted, filled or released elsewhere. */
  onKey(key: string): void;
  /** Invalidated anywhere, this process included. */
  onTags(stamp: Stamp, tags: readonly string[]): void;
  onPattern(prefix: string, glob: string): void;
}

/** What other processes did, as they do it. */
export class InvalidationBus {
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(
    private readonly self: string,
    private readonly listener: BusListener,
  ) {}

  receive(text: string): void {
    const message = parse(text);
    if (!message) return;
    if (message.k !== undefined) {
      if (message.i !== this.self) this.listener.onKey(message.k);
      for (const wake of this.#waiting.get(message.k) ?? []) wake();
    }
    if (message.s !== undefined && message.t !== undefined) this.listener.onTags(message.s, message.t);
    if (message.p !== undefined && message.g !== undefined && message.i !== this.self) {
      this.listener.onPattern(message.p, message.g);
    }
  }

  /** Resolves when something happens to the key, or after `patience` ms: a message may get lost. */
  async change(key: string, patience: number): Promise<void> {
    const waiting = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiting);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(done, patience);
      function done(): void {
        clearTimeout(timer);
        waiting.delete(done);
        resolve();
      }
      waiting.add(done);
    });
    if (waiting.size === 0 && this.#waiting.get(key) === waiting) this.#waiting.delete(key);
  }
}

interface Message {
  i?: string;
  k?: string;
  s?: Stamp;
  t?: string[];
  p?: string;
  g?: string;
}

/** Anybody may publish on our channel: what is not one of our messages is none. */
function parse(text: string): Message | undefined {
  try {
    const { i, k, s, t, p, g } = JSON.parse(text) as Record<string, unknown>;
    const tags = Array.isArray(t) && t.every((tag) => typeof tag === 'string') ? t : undefined;
    const stamp = Number(s);
    return {
      ...(typeof i === 'string' && { i }),
      ...(typeof k === 'string' && { k }),
      ...(Number.isSafeInteger(stamp) && { s: stamp }),
      ...(tags && { t: tags }),
      ...(typeof p === 'string' && { p }),
      ...(typeof g === 'string' && { g }),
    };
  } catch {
    return undefined;
  }
}
