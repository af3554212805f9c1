import type { Logger } from '@nestjs/common';
import { varyNames, CREDENTIALS, FORWARDED, GOES_PAST } from '../policy.js';
import type { Exchange, Route } from '../http-cache.route.js';
import { EVERY_HEADER } from './request-watch.js';
import type { OutgoingHttpHeaders } from 'node:http';

/** What handlers are shown of a request that says who asks, beside header fields. */
const IDENTITIES = ['auth', 'cookie', 'session', 'user'];
/** Fields without which no request is looked up, or with which none is, and those that every key holds. */
const OF_EVERY_KEY = [
  'content-length',
  'host',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'range',
  'transfer-encoding',
  'upgrade',
  ...FORWARDED,
  ...GOES_PAST,
];

/** What of a request the key of its answer covers, beside its target. */
export interface Covered {
  exchange: Exchange;
  route: Route;
  /** Request headers whose values made the hash. */
  keyedHeaders: readonly string[];
  /** Whether the handler was asked under a condition, which has frameworks look at Cache-Control. */
  isConditional: boolean;
}

/**
 * What the handler has read of its request though the key does not cover it: another request that differs in that
 * alone would get the same answer. Undefined if there is nothing, or nobody watched.
 *
 * @param headers of the answer, whose Vary covers what it names
 */
export function unkeyedRead(
  { exchange, route, keyedHeaders, isConditional }: Covered,
  headers: OutgoingHttpHeaders,
): string | undefined {
  const { watch, versionHeader } = exchange;
  if (!watch || watch.read.size === 0) return undefined;
  const vary = varyNames(headers);
  const named = vary === '*' ? [] : [...vary];
  const covered = new Set([...OF_EVERY_KEY, ...keyedHeaders, ...named, ...watch.keyed]);
  // Whoever shows one of these is not answered from what is stored, so that all that is stored was made without.
  if (route.scope === undefined) for (const name of [...CREDENTIALS, ...IDENTITIES]) covered.add(name);
  if (versionHeader !== undefined) covered.add(versionHeader);
  if (isConditional) covered.add('cache-control');
  return [...watch.read].find((name) => !covered.has(name));
}

const MOST_TOLD = 1_000;

/** Tells once what a route reads beyond its key. */
export class UnkeyedReads {
  readonly #told = new Set<string>();

  constructor(private readonly logger: Pick<Logger, 'warn'>) {}

  tell({ id, scope }: Route, name: string): void {
    const what = `${id} ${name}`;
    if (this.#told.has(what) || this.#told.size >= MOST_TOLD) return;
    this.#told.add(what);
    this.logger.warn(
      `${id} reads ${described(name)} of the request, which its key does not cover: its answer was not stored. ` +
        advice(name, scope),
    );
  }
}

const described = (name: string): string => {
  if (name === EVERY_HEADER) return 'every header';
  return [...IDENTITIES, 'ip'].includes(name) ? name : `the header ${name}`;
};

function advice(name: string, scope: Route['scope']): string {
  if (name === EVERY_HEADER) return 'Read headers by name, and name those in @CacheVary.';
  const isWho = IDENTITIES.includes(name) || CREDENTIALS.includes(name);
  if (isWho && scope === 'public')
    return "Take scope: 'public' away, or give a scope function that reads it.";
  if (isWho || name === 'ip') return 'Let the scope function read it, or take it out of the answer.';
  return `Add @CacheVary('${name}'), or take it out of the answer.`;
}
