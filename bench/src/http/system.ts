import type { NamedSystem } from '../benchmark.js';
import type { PageKind, Work } from './work.js';

export const PLATFORMS = ['express', 'fastify'] as const;
export type Platform = (typeof PLATFORMS)[number];

/** What a server stands on. */
export interface Ground {
  readonly platform: Platform;
  readonly redisUrl: string;
  readonly namespace: string;
  readonly work: Work;
}

/**
 * - `floor`: the hit without a framework
 * - `bare`: the route without a cache
 * - `cache`
 */
export type Role = 'floor' | 'bare' | 'cache';

/** One way to set a system up: a row of a table. */
export interface Setting {
  readonly label: string;
  readonly role: Role;
  readonly differs: readonly string[];
  readonly platforms: readonly Platform[];
  readonly kinds: readonly PageKind[];
  /** Takes part where processes share what they have. */
  readonly isShared?: boolean;
  /** Listens, in a process of its own; gives the port. */
  readonly open: (ground: Ground) => Promise<number>;
}

export interface System extends NamedSystem {
  readonly settings: readonly Setting[];
}
