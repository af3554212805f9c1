import { toMilliseconds } from '../../duration.js';
import { FloraError, shown } from '../../errors.js';
import { HttpCacheOptionsError } from '../cache.errors.js';
import { checkedName } from '../engine/key-space.js';
import { model } from '../tags.js';
import type { HttpCacheRequest } from './http-cache.context.js';
import type { CacheEvictOptions, CacheResponseOptions } from './http-cache.options.js';
import type { QueryRule } from './key.js';

const DURATIONS = ['ttl', 'staleWhileRevalidate', 'staleIfError'] as const;
const SWITCHES = ['requestDirectives', 'invalidateOnUnsafe', 'strict', 'early'] as const;
const OPTIONS = [
  'ttl',
  'key',
  'tags',
  'vary',
  'query',
  'scope',
  'maxBodyBytes',
  'freshness',
  'staleWhileRevalidate',
  'staleIfError',
  ...SWITCHES,
];
const EVICTIONS = ['tags', 'keys', 'models'];
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * The options as they were, if they can be used.
 *
 * @param where what the error names: `ProductsController.list`
 * @throws HttpCacheOptionsError
 */
export function checkedOptions<R extends HttpCacheRequest>(
  options: CacheResponseOptions<R>,
  where: string,
): CacheResponseOptions<R> {
  onlyKnown(options, OPTIONS, where);
  const { key, tags, vary, query, scope, freshness, maxBodyBytes } = options;
  for (const name of DURATIONS) {
    const duration = options[name];
    if (duration !== undefined) at(where, () => toMilliseconds(duration, name));
  }
  for (const name of SWITCHES) {
    const isOn: unknown = options[name];
    if (isOn === undefined || typeof isOn === 'boolean') continue;
    throw new HttpCacheOptionsError(where, {
      problem: `${name} is ${shown(isOn)}`,
      expected: 'true or false',
    });
  }
  if (freshness !== undefined && freshness !== 'route' && freshness !== 'response') {
    throw new HttpCacheOptionsError(where, {
      problem: `freshness is ${shown(freshness)}`,
      expected: "'route' or 'response'",
    });
  }
  if (key !== undefined && typeof key !== 'function') at(where, () => checkedName('key', key));
  if (tags !== undefined)
    list(tags, 'tags', where).forEach(
      (tag) => typeof tag === 'function' || at(where, () => checkedName('tag', tag)),
    );
  if (vary !== undefined) {
    for (const name of list(vary, 'vary', where)) {
      if (typeof name === 'string' && HEADER_NAME.test(name) && name !== '*') continue;
      throw new HttpCacheOptionsError(where, {
        problem: `vary holds ${shown(name)}`,
        expected: 'names of request headers',
      });
    }
  }
  if (query !== undefined) checkQuery(query, where);
  if (scope !== undefined && scope !== 'public' && typeof scope !== 'function') {
    throw new HttpCacheOptionsError(where, {
      problem: `scope is ${shown(scope)}`,
      expected: "'public', or a function whose string tells users apart",
    });
  }
  if (maxBodyBytes !== undefined && !(Number.isSafeInteger(maxBodyBytes) && maxBodyBytes > 0)) {
    throw new HttpCacheOptionsError(where, {
      problem: `maxBodyBytes is ${shown(maxBodyBytes)}`,
      expected: 'a whole number above 0',
    });
  }
  return options;
}

/** @throws HttpCacheOptionsError */
export function checkedEviction<R extends HttpCacheRequest>(
  options: CacheEvictOptions<R>,
  where: string,
): CacheEvictOptions<R> {
  onlyKnown(options, EVICTIONS, where);
  const { tags, keys, models } = options;
  if (tags === undefined && keys === undefined && models === undefined) {
    throw new HttpCacheOptionsError(where, {
      problem: 'there is nothing to evict',
      expected: 'tags, keys or models',
    });
  }
  if (tags !== undefined && typeof tags !== 'function')
    list(tags, 'tags', where).forEach((tag) => at(where, () => checkedName('tag', tag)));
  if (keys !== undefined && typeof keys !== 'function')
    list(keys, 'keys', where).forEach((key) => at(where, () => checkedName('key', key)));
  if (models !== undefined && typeof models !== 'function')
    list(models, 'models', where).forEach((of) => at(where, () => model(of)));
  return options;
}

function checkQuery(query: QueryRule, where: string): void {
  const { only, ignore } = query as { only?: unknown; ignore?: unknown };
  const names = only ?? ignore;
  const right =
    (only === undefined) !== (ignore === undefined) &&
    Array.isArray(names) &&
    names.every((name) => typeof name === 'string' && name !== '');
  if (!right) {
    throw new HttpCacheOptionsError(where, {
      problem: `query is ${shown(query)} of something else`,
      expected: "{ only: ['page'] } or { ignore: ['utm_*'] }",
    });
  }
}

function onlyKnown(options: object, known: readonly string[], where: string): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new HttpCacheOptionsError(where, {
      problem: `the options are ${shown(options)}`,
      expected: 'an object',
    });
  }
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new HttpCacheOptionsError(where, {
      problem: `there is no option ${shown(unknown)}`,
      expected: `one of ${known.join(', ')}`,
    });
  }
}

function list<T>(value: readonly T[], name: string, where: string): readonly T[] {
  if (Array.isArray(value) && value.length > 0) return value as readonly T[];
  throw new HttpCacheOptionsError(where, {
    problem: `${name} is ${shown(value)}${Array.isArray(value) ? ' that is empty' : ''}`,
    expected: 'a list of at least one',
  });
}

/** Errors of the parts, told with the place where they were written. */
function at(where: string, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof FloraError)) throw error;
    throw new HttpCacheOptionsError(where, { problem: error.message.replace(/\.$/, ''), cause: error });
  }
}
