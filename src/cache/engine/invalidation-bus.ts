import type { Stamp } from './entry.js';

/** Messages carry keys, tags and stamps, never values: `i` sender, `k` keys, `s` stamp of tags `t`, `p`/`g` pattern, `r` the stamp that a new registry begins with. */
export const keyMessage = (sender: string, keys: readonly string[]): string =>
  JSON.stringify({ i: sender, k: keys });
export const patternMessage = (sender: string, prefix: string, glob: string): string =>
  JSON.stringify({ i: sender, p: prefix, g: glob });

export interface BusListener {
  /** Set, deleted, filled or released elsewhere. */
  onKey(key: string): void;
  /** Invalidated anywhere, this process included. */
  onTags(stamp: Stamp, tags: readonly string[]): void;
  onPattern(prefix: string, glob: string): void;
  /** The registry was lost, and begins anew with this stamp. */
  onReset(stamp: Stamp): void;
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
    for (const key of message.k ?? []) {
      if (message.i !== this.self) this.listener.onKey(key);
      if (this.#waiting.size > 0) for (const wake of this.#waiting.get(key) ?? []) wake();
    }
    if (message.s !== undefined && message.t !== undefined) this.listener.onTags(message.s, message.t);
    if (message.r !== undefined) this.listener.onReset(message.r);
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
  k?: string[];
  s?: Stamp;
  t?: string[];
  p?: string;
  g?: string;
  r?: Stamp;
}

/** Anybody may publish on our channel: what is not one of our messages is none. */
function parse(text: string): Message | undefined {
  try {
    const { i, k, s, t, p, g, r } = JSON.parse(text) as Record<string, unknown>;
    const [keys, tags] = [texts(k), texts(t)];
    return {
      ...(typeof i === 'string' && { i }),
      ...(keys && { k: keys }),
      ...(isStamp(s) && { s: Number(s) }),
      ...(tags && { t: tags }),
      ...(typeof p === 'string' && { p }),
      ...(typeof g === 'string' && { g }),
      ...(isStamp(r) && { r: Number(r) }),
    };
  } catch {
    return undefined;
  }
}

const texts = (list: unknown): string[] | undefined =>
  Array.isArray(list) && list.every((text) => typeof text === 'string') ? list : undefined;

const isStamp = (value: unknown): boolean => value !== undefined && Number.isSafeInteger(Number(value));
