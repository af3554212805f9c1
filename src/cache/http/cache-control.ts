import type { OutgoingHttpHeader } from 'node:http';

/** The directives of a Cache-Control field, names in lower case (RFC 9111 §5.2). */
export interface CacheControl {
  /** The field does not follow the grammar: what it meant to forbid is unknown, so nothing may be stored. */
  malformed: boolean;
  /** Whether the directive is there, with or without an argument: `private="x-user"` counts as `private`. */
  has(directive: string): boolean;
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
    seconds: (directive) => {
      const values = found.get(directive);
      return values && Math.min(...values.map(deltaSeconds));
    },
  };
}

const deltaSeconds = (argument: string | undefined): number =>
  argument !== undefined && /^\d+$/.test(argument) ? Math.min(Number(argument), FOREVER) : 0;
