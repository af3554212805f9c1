/** A value of a structured dictionary, as far as it matters here: `other` is an inner list or bytes. */
export type BareItem =
  | { type: 'integer' | 'decimal'; value: number }
  | { type: 'boolean'; value: boolean }
  | { type: 'string' | 'token'; value: string }
  | { type: 'other' };

const KEY = /[a-z*][a-z0-9_\-.*]*/y;
const INTEGER = /-?\d{1,15}(?![\d.])/y;
const DECIMAL = /-?\d{1,12}\.\d{1,3}(?!\d)/y;
const STRING = /"(?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"/y;
const TOKEN = /[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*/y;
const BYTES = /:[A-Za-z0-9+/=]*:/y;
const BOOLEAN = /\?[01]/y;
const SPACES = / */y;
const OPTIONAL_WHITESPACE = /[ \t]*/y;

/**
 * A Dictionary of RFC 8941 §3.2, or undefined for a field that is not one: such a field counts as absent, whatever
 * parts of it can be read (§4.2).
 */
export function parseDictionary(field: string): Map<string, BareItem> | undefined {
  const reader = new Reader(field.replace(/^ +| +$/g, ''));
  const members = new Map<string, BareItem>();
  while (!reader.isAtEnd) {
    const key = reader.take(KEY);
    if (key === undefined) return undefined;
    const value = reader.takeIf('=') ? reader.item() : ({ type: 'boolean', value: true } as const);
    if (!value || !reader.parameters()) return undefined;
    members.set(key, value);
    reader.take(OPTIONAL_WHITESPACE);
    if (reader.isAtEnd) return members;
    if (!reader.takeIf(',')) return undefined;
    reader.take(OPTIONAL_WHITESPACE);
    if (reader.isAtEnd) return undefined; // a comma at the end
  }
  return members;
}

class Reader {
  #at = 0;

  constructor(private readonly text: string) {}

  get isAtEnd(): boolean {
    return this.#at >= this.text.length;
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const [found] = pattern.exec(this.text) ?? [];
    this.#at += found?.length ?? 0;
    return found;
  }

  takeIf(character: string): boolean {
    if (this.text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  item(): BareItem | undefined {
    return this.takeIf('(') ? this.#innerList() : this.#bareItem();
  }

  /** Whether what stands here are parameters, or none. */
  parameters(): boolean {
    while (this.takeIf(';')) {
      this.take(SPACES);
      if (this.take(KEY) === undefined) return false;
      if (this.takeIf('=') && !this.#bareItem()) return false;
    }
    return true;
  }

  #innerList(): BareItem | undefined {
    for (;;) {
      this.take(SPACES);
      if (this.takeIf(')')) return { type: 'other' };
      if (!this.#bareItem() || !this.parameters()) return undefined;
      if (this.text[this.#at] !== ' ' && this.text[this.#at] !== ')') return undefined;
    }
  }

  #bareItem(): BareItem | undefined {
    const decimal = this.take(DECIMAL);
    if (decimal !== undefined) return { type: 'decimal', value: Number(decimal) };
    const integer = this.take(INTEGER);
    if (integer !== undefined) return { type: 'integer', value: Number(integer) };
    const string = this.take(STRING);
    if (string !== undefined)
      return { type: 'string', value: string.slice(1, -1).replace(/\\(["\\])/g, '$1') };
    const boolean = this.take(BOOLEAN);
    if (boolean !== undefined) return { type: 'boolean', value: boolean === '?1' };
    if (this.take(BYTES) !== undefined) return { type: 'other' };
    const token = this.take(TOKEN);
    return token === undefined ? undefined : { type: 'token', value: token };
  }
}
