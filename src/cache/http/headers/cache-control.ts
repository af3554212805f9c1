import type { OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';
import { parseDictionary, type BareItem } from './structured-dictionary.js';

/** The directives of a Cache-Control field, names in lower case (RFC 9111 §5.2). */
export interface CacheControl {
  /** The field does not follow the grammar: what it meant to forbid is unknown, so nothing may be stored. */
  malformed: boolean;
  /** Whether the directive is there, with or without an argument: `private="x-user"` counts as `private`. */
  has(directive: string): boolean;
  /** Its argument as it was written, '' for none: the first if repeated. */
  argument(directive: string): string;
  /** Its argument in seconds: the smallest if repeated, 0 if it is no number (RFC 9111 §4.2.1). */
  seconds(directive: string): number | undefined;
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const ELEMENT = new RegExp(
  `[\\t ]*(?:(${TOKEN})(?:=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\[\\s\\S])*)"))?)?[\\t ]*(?:,|$)`,
  'y',
);
/** What delta-seconds may be at most (RFC 9111 §1.2.2). */
const FOREVER = 2 ** 31;

export function parseCacheControl(field: OutgoingHttpHeader | undefined): CacheControl {
  const text = Array.isArray(field) ? field.join(',') : String(field ?? '');
  const found = new Map<string, (string | undefined)[]>();
  let malformed = false;
  ELEMENT.lastIndex = 0;
  while (ELEMENT.lastIndex < text.length) {
    const match = ELEMENT.exec(text);
    if (!match) {
      malformed = true;
      break;
    }
    const name = match[1]?.toLowerCase();
    if (name !== undefined) found.set(name, [...(found.get(name) ?? []), match[2] ?? match[3]]);
  }
  return {
    malformed,
    has: (directive) => found.has(directive),
    argument: (directive) => found.get(directive)?.[0] ?? '',
    seconds: (directive) => {
      const values = found.get(directive);
      return values && Math.min(...values.map(deltaSeconds));
    },
  };
}

const deltaSeconds = (argument: string | undefined): number =>
  argument !== undefined && /^\d+$/.test(argument) ? Math.min(Number(argument), FOREVER) : 0;

/**
 * The field that a cache between the application and its clients goes by: CDN-Cache-Control where it can be read,
 * in place of Cache-Control (RFC 9213 §2.2). `isTargeted`: Expires counts for nothing beside it.
 */
export function targetedControl(headers: OutgoingHttpHeaders): CacheControl & { isTargeted: boolean } {
  const field = headers['cdn-cache-control'];
  const targeted = field === undefined ? undefined : targetedDirectives([field].flat().join(', '));
  return targeted
    ? { ...targeted, isTargeted: true }
    : { ...parseCacheControl(headers['cache-control']), isTargeted: false };
}

/** Directives whose argument is a number of seconds: with another one, the whole field is not to be trusted. */
const IN_SECONDS = ['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error'];

const isSeconds = (item: BareItem): boolean => item.type === 'integer' && item.value >= 0;

function targetedDirectives(field: string): CacheControl | undefined {
  const members = parseDictionary(field);
  if (!members || members.size === 0) return undefined;
  const isWrong = IN_SECONDS.some((name) => members.has(name) && !isSeconds(members.get(name) as BareItem));
  if (isWrong) return undefined;
  return {
    malformed: false,
    has: (directive) => {
      const item = members.get(directive);
      return item !== undefined && !(item.type === 'boolean' && !item.value);
    },
    argument: (directive) => {
      const item = members.get(directive);
      return item && 'value' in item ? String(item.value) : '';
    },
    seconds: (directive) => {
      const item = members.get(directive);
      return item?.type === 'integer' ? Math.min(item.value, FOREVER) : undefined;
    },
  };
}
