import { CacheKeyError } from '../cache.errors.js';
import { globMatcher, literalPrefix } from './glob.js';

/** Part of every key in Redis: entries of another format live beside ours and are never read as ours. */
export const FORMAT_VERSION = 2;

/** `user`: keys that users name. The others are reserved, and no user key or pattern reaches them. */
export type KeySpace = 'user' | 'query' | 'http';

const LETTER: Record<KeySpace, string> = { user: 'k', query: 'q', http: 'h' };
const LONGEST_KEY = 2_048;

/**
 * Where one namespace keeps its keys. Layout: `app:v2:k:<key>` for the root, `app:v2:n:<child>:k:<key>` for a
 * child. Braces are percent-encoded, so that the lease `l:{<entry key>}` always shares the entry's cluster slot.
 */
export class Scope {
  /** Prefix of all that is in this namespace and in its children. */
  readonly prefix: string;
  /** The name of this namespace inside the root: `''` for the root itself. */
  readonly name: string;
  /** Registry tags that `clear()` stamps, outermost first: an entry is checked against all of its scope's. */
  readonly clearTags: readonly string[];

  private constructor(
    readonly root: string,
    readonly path: readonly string[],
  ) {
    this.prefix = `${root}:v${FORMAT_VERSION}:${path.map((name) => `n:${name}:`).join('')}`;
    this.name = path.join(':');
    this.clearTags = ['*', ...path.map((_, depth) => `*${path.slice(0, depth + 1).join(':')}`)];
  }

  static of(root: string): Scope {
    return new Scope(root, []);
  }

  child(name: string): Scope {
    return new Scope(this.root, [...this.path, encode(checkedName('The namespace', name), CHILD_UNSAFE)]);
  }

  /** The tag that `clear()` of this namespace stamps. */
  get clearTag(): string {
    return this.clearTags.at(-1) as string;
  }

  key(key: string, space: KeySpace = 'user'): string {
    return `${this.prefix}${LETTER[space]}:${encode(checkedName('The key', key), UNSAFE)}`;
  }
}

/** What a scan for the user keys of a pattern has to begin with. */
export function patternPrefix(scopePrefix: string, glob: string): string {
  return glob === EVERYTHING
    ? scopePrefix
    : `${scopePrefix}${LETTER.user}:${encode(literalPrefix(glob), UNSAFE)}`;
}

/**
 * Which entry keys a pattern means: user keys of that namespace alone, by what users named them; `**` means all
 * user keys, those of its child namespaces included.
 */
export function patternMatcher(scopePrefix: string, glob: string): (entryKey: string) => boolean {
  if (glob === EVERYTHING) {
    return (entryKey) =>
      entryKey.startsWith(scopePrefix) && USER_KEY.test(entryKey.slice(scopePrefix.length));
  }
  const prefix = `${scopePrefix}${LETTER.user}:`;
  const matches = globMatcher(glob);
  return (entryKey) => entryKey.startsWith(prefix) && matches(decode(entryKey.slice(prefix.length)));
}

const EVERYTHING = '**';
const USER_KEY = /^(?:n:[^:]+:)*k:/;

/** The lease of an entry: the braces are the hash tag of Redis Cluster, hence one slot for both. */
export const leaseKey = (entryKey: string): string => `l:{${entryKey}}`;

/** Sorted set of the namespace's tags, and the channel of its messages. */
export const registryKey = (root: string): string => `{${root}}:tags`;
export const busChannel = (root: string): string => `${root}:bus`;

const UNSAFE = /[%{}]/g;
const CHILD_UNSAFE = /[%{}:*]/g;

const encode = (text: string, unsafe: RegExp): string =>
  text.search(unsafe) < 0
    ? text
    : text.replace(unsafe, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

const decode = (text: string): string =>
  text.replace(/%(25|7B|7D)/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));

/** A key, tag or namespace as users may name it: NUL ends strings elsewhere, lone surrogates collide as UTF-8. */
export function checkedName(what: string, name: unknown): string {
  const right =
    typeof name === 'string' &&
    name.length > 0 &&
    name.length <= LONGEST_KEY &&
    !name.includes('\0') &&
    name.isWellFormed();
  if (!right) {
    throw new CacheKeyError(what, name, `a well-formed string of 1 to ${LONGEST_KEY} characters without NUL`);
  }
  return name;
}
