import { types } from 'node:util';
import { CacheValueError } from '../cache.errors.js';
import { BSON_KINDS } from './bson-kinds.js';
import { BUILT_IN_KINDS, type Kind } from './kinds.js';
import { isPlainNumber, MAX_DEPTH } from './plain.js';

/** A tagged member is an object with this one key; an object of the user's that has it is tagged itself. */
export const TAG = '$flora';

export const KINDS: ReadonlyMap<string, Kind> = new Map(Object.entries({ ...BUILT_IN_KINDS, ...BSON_KINDS }));

const KIND_NAMES = new Map([...KINDS].map(([name, kind]) => [kind, name] as const));

/** By the prototype of what they make. */
export const KINDS_BY_PROTOTYPE: ReadonlyMap<object, Kind> = new Map(
  [...KINDS.values()].flatMap((kind) => kind.prototypes.map((prototype) => [prototype, kind] as const)),
);

/** More are never meant: the value holds the same objects again and again, or is no cache entry. */
const MAX_OBJECTS = 2_000_000;
/** Holes of one array. Each has to be written. */
const MAX_HOLES = 10_000;

/**
 * What JSON can carry and `untagged` (typed-json-reader.ts) turns back; `isPlain` if it has no tags and JSON alone will do.
 * @throws CacheValueError for what has no faithful bytes
 */
export function tagged(value: unknown): { data: unknown; isPlain: boolean } {
  const walk = new Walk();
  const data = walk.tag(value);
  if (!walk.isPlain || !walk.hasLookalikes) return { data, isPlain: walk.isPlain };
  // A member called as our tag has to be told from one only where there are tags: what is decoded and encoded again
  // has the same codec and bytes.
  return { data: new Walk({ tellsLookalikes: false }).tag(value), isPlain: true };
}

/** The exact walk: it knows where it is, finds cycles, and reads each member once. */
class Walk {
  isPlain = true;
  hasLookalikes = false;
  readonly #tellsLookalikes: boolean;
  #objects = 0;
  /** The objects that hold the one being looked at, and under which names: its path. */
  readonly #holders: object[] = [];
  readonly #names: (string | number)[] = [];

  constructor({ tellsLookalikes = true } = {}) {
    this.#tellsLookalikes = tellsLookalikes;
  }

  tag(value: unknown): unknown {
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value;
      case 'number':
        return isPlainNumber(value)
          ? value
          : this.#special('number', Object.is(value, -0) ? '-0' : String(value));
      case 'bigint':
        return this.#special('bigint', hex(value));
      case 'undefined':
        return this.#special('undefined');
      case 'object':
        return value === null ? null : this.#tagObject(value);
      default:
        return this.#refuse(`a ${typeof value}`);
    }
  }

  #tagObject(value: object): unknown {
    if (this.#holders.includes(value)) this.#refuse('a cycle: it holds itself');
    if (this.#holders.length === MAX_DEPTH) this.#refuse(`nested deeper than ${MAX_DEPTH} levels`);
    if (++this.#objects > MAX_OBJECTS) this.#refuse(`part of more than ${MAX_OBJECTS} objects`);
    this.#holders.push(value);
    const data = Array.isArray(value) ? this.#tagArray(value) : this.#tagOther(value);
    this.#holders.pop();
    return data;
  }

  #tagArray(array: readonly unknown[]): unknown {
    const data: unknown[] = [];
    const holes: number[] = [];
    let isAsItWas = Object.getPrototypeOf(array) === Array.prototype;
    for (let index = 0; index < array.length; index++) {
      const member = array[index];
      if (member === undefined && !(index in array)) {
        if (holes.push(index) > MAX_HOLES) this.#refuse(`an array with more than ${MAX_HOLES} holes`);
        data.push(null);
        continue;
      }
      const said = this.#tagMember(index, member);
      isAsItWas &&= said === member;
      data.push(said);
    }
    if (holes.length > 0) return this.#special('holes', [holes, data]);
    return isAsItWas ? array : data;
  }

  #tagOther(value: object): unknown {
    const prototype = Object.getPrototypeOf(value) as object | null;
    if (prototype === null) return this.#special('bare', this.#tagMembers(value));
    const kind = prototype === Object.prototype ? undefined : kindOf(value, prototype);
    if (kind) return this.#tagKind(value, kind, KIND_NAMES.get(kind) as string);
    // What says itself how it is written (a Mongoose document, a DTO) is cached as what it says.
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === 'function') return this.tag(toJSON.call(value));
    if (prototype !== Object.prototype && hasHiddenState(value)) this.#refuse(described(value));
    return this.#tagMembers(value);
  }

  #tagKind(value: object, kind: Kind, name: string): unknown {
    let data: unknown;
    try {
      data = kind.take(value);
    } catch {
      this.#refuse(`only called ${described(value)}`); // by its class, without being one
    }
    return this.#special(name, this.tag(data));
  }

  #tagMembers(value: object): unknown {
    let copy: Record<string, unknown> | undefined;
    for (const name of Object.keys(value)) {
      const member = (value as Record<string, unknown>)[name];
      const said = this.#tagMember(name, member);
      if (said === member) continue;
      copy ??= { ...value };
      copy[name] = said;
    }
    const members = copy ?? value;
    if (!this.#tellsLookalikes || !Object.hasOwn(members, TAG)) return members;
    this.hasLookalikes = true;
    return { [TAG]: ['object', Object.entries(members)] };
  }

  #tagMember(name: string | number, member: unknown): unknown {
    this.#names.push(name);
    const said = this.tag(member);
    this.#names.pop();
    return said;
  }

  #special(kind: string, data?: unknown): object {
    this.isPlain = false;
    return { [TAG]: data === undefined ? [kind] : [kind, data] };
  }

  #refuse(found: string): never {
    const path = this.#names.reduce<string>(
      (path, name) =>
        typeof name === 'number' ? `${path}[${name}]` : path === '' ? name : `${path}.${name}`,
      '',
    );
    throw new CacheValueError(path.length > 200 ? `${path.slice(0, 100)}…${path.slice(-100)}` : path, found);
  }
}

function kindOf(value: object, prototype: object): Kind | undefined {
  const kind = KINDS_BY_PROTOTYPE.get(prototype);
  if (kind?.is(value)) return kind;
  for (const kind of KINDS.values()) {
    if (kind.is(value)) return kind;
  }
  return undefined;
}

/** Of a class whose state is not in its members: what calls itself by a tag is made by the platform. */
function hasHiddenState(value: object): boolean {
  return Symbol.toStringTag in value || types.isNativeError(value) || types.isBoxedPrimitive(value);
}

const described = (value: object): string => `a ${value.constructor?.name || 'value of an unknown class'}`;

const hex = (value: bigint): string =>
  `${value < 0n ? '-' : ''}0x${(value < 0n ? -value : value).toString(16)}`;
