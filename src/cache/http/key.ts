import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Part of every hash: entries written in another format are never found. */
const KEY_VERSION = 1;

/**
 * Which query parameters matter: all but those in `ignore`, or none but those in `only`. A `*` at the end of a
 * name stands for any ending: `utm_*`.
 */
export type QueryRule = { only: readonly string[] } | { ignore: readonly string[] };

/** All that tells one stored answer from another, header values aside. */
export interface EntryIdentity {
  /** Controller and method, the route's pattern, and the API version asked for. */
  route: readonly (string | null)[];
  scheme: string;
  host: string;
  /** Path and normalised query, or what stands for both under a key of the user's. */
  target: readonly string[];
  /** Values of the proxy headers that every key holds. */
  forwarded: readonly (string | null)[];
  /** What the route's scope function said, or null without one. */
  scope: string | null;
}

/**
 * A hash of fixed length: JSON keeps the parts apart, so no value can pose as another's neighbour, and nothing a
 * client sends makes a key longer.
 */
export function entryHash(identity: EntryIdentity): string {
  const { route, scheme, host, target, forwarded, scope } = identity;
  return sha256([KEY_VERSION, route, scheme, host, target, forwarded, scope]);
}

/** The hash of what answers these header values, below the one that said which headers matter. */
export function variantHash(base: string, names: readonly string[], headers: IncomingHttpHeaders): string {
  return sha256([KEY_VERSION, base, names, headerValues(names, headers)]);
}

/** Lists whose elements mean the same in upper and lower case, and with spaces around them (RFC 9111 §4.1). */
const LOOSE = new Set(['accept-charset', 'accept-encoding', 'accept-language']);

/**
 * Values of headers as they were sent, but for what is known to make no difference; null for one that is absent,
 * which is not an empty one.
 */
export function headerValues(names: readonly string[], headers: IncomingHttpHeaders): (string | null)[] {
  return names.map((name) => {
    const value = headers[name];
    const text = Array.isArray(value) ? value.join(', ') : (value ?? null);
    return text !== null && LOOSE.has(name) ? text.toLowerCase().replace(/[ \t]+/g, '') : text;
  });
}

const sha256 = (parts: unknown): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('base64url');

/** The tag of all pages under one path of one host: what a write to that path makes old (RFC 9111 §4.4). */
export function pathTag(host: string, url: string): string {
  return `path:${sha256([host, targetParts(url)[0]])}`;
}

/** Path and normalised query of a request target, as two parts of a key. */
export function targetParts(url: string, rule?: QueryRule): [path: string, query: string] {
  const mark = url.indexOf('?');
  return mark < 0 ? [url, ''] : [url.slice(0, mark), normaliseQuery(url.slice(mark + 1), rule)];
}

/**
 * One spelling for queries that differ in the order of their parameters only: sorted by name, equal names in
 * their order, bytes untouched. Names are compared as a handler sees them: decoded, `tag[]` as `tag`.
 */
export function normaliseQuery(query: string, rule?: QueryRule): string {
  const parameters = query.split('&').map((raw) => ({ raw, name: parameterName(raw) }));
  // How parsers read a name that begins with a bracket differs too much to reorder or drop anything.
  if (parameters.some(({ name }) => name.startsWith('[') || name.startsWith(']'))) return query;
  return parameters
    .filter(({ raw, name }) => raw !== '' && matters(name, rule))
    .sort((one, other) => (one.name < other.name ? -1 : one.name > other.name ? 1 : 0))
    .map(({ raw }) => raw)
    .join('&');
}

function parameterName(raw: string): string {
  const encoded = raw.split('=', 1)[0] as string;
  const name = decoded(encoded.replaceAll('+', ' '));
  const bracket = name.indexOf('[', 1);
  return bracket < 0 ? name : name.slice(0, bracket);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function matters(name: string, rule: QueryRule | undefined): boolean {
  if (!rule) return true;
  return 'only' in rule
    ? rule.only.some((pattern) => matches(name, pattern))
    : !rule.ignore.some((pattern) => matches(name, pattern));
}

const matches = (name: string, pattern: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
