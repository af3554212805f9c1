import { types } from 'node:util';
import mongoose from 'mongoose';
import { CacheValueError } from '../cache.errors.js';
import type { EntryCodec } from './entry.js';

/** A value as bytes: JSON where that loses nothing, else JSON with tagged members for the types it lacks. */
export function encodeValue(value: unknown): { codec: EntryCodec; payload: Buffer } {
  const state: Walk = { isPlain: true, above: new Set() };
  const tagged = tag(value, '', state);
  const codec = state.isPlain ? 'json' : 'typed';
  return { codec, payload: Buffer.from(JSON.stringify(state.isPlain ? value : tagged)) };
}

/** @throws when the payload is not what `encodeValue` makes */
export function decodeValue(codec: EntryCodec, payload: Buffer): unknown {
  const parsed: unknown = JSON.parse(payload.toString());
  return codec === 'typed' ? untag(parsed) : parsed;
}

/** A tagged member is an object with this one key; an object of the user's that has it is tagged itself. */
const TAG = '$flora';

interface Walk {
  isPlain: boolean;
  /** The objects that hold the one being looked at: meeting one of them again is a cycle. */
  above: Set<object>;
}

type Tagged = { [TAG]: [kind: string, data?: unknown] };

interface Kind {
  is: (value: object) => boolean;
  /** Data that `tag` can go on with. */
  take: (value: never) => unknown;
  make: (data: never) => unknown;
}

const bson = mongoose.mongo.BSON;
const isBson = (type: string) => (value: object) => (value as { _bsontype?: string })._bsontype === type;
const base64 = (bytes: ArrayBufferView) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

const TYPED_ARRAYS = {
  Uint8Array,
  Int8Array,
  Uint8ClampedArray,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
} as const;

/** First match wins: Buffer before Uint8Array. BSON types are known by name, whichever copy of bson made them. */
const KINDS: Record<string, Kind> = {
  date: {
    is: types.isDate,
    take: (date: Date) => (Number.isNaN(date.getTime()) ? null : date.getTime()),
    make: (time: number | null) => new Date(time ?? Number.NaN),
  },
  buffer: {
    is: (value) => Buffer.isBuffer(value),
    take: base64,
    make: (text: string) => Buffer.from(text, 'base64'),
  },
  map: {
    is: types.isMap,
    take: (map: Map<unknown, unknown>) => [...map],
    make: (pairs: []) => new Map(pairs),
  },
  set: { is: types.isSet, take: (set: Set<unknown>) => [...set], make: (members: []) => new Set(members) },
  regexp: {
    is: types.isRegExp,
    take: ({ source, flags }: RegExp) => [source, flags],
    make: ([source, flags]: [string, string]) => new RegExp(source, flags),
  },
  url: {
    is: (value) => value instanceof URL,
    take: (url: URL) => url.href,
    make: (href: string) => new URL(href),
  },
  array: {
    is: (value) => types.isTypedArray(value),
    take: (array: Uint8Array) => [array[Symbol.toStringTag], base64(array)],
    make: ([name, text]: [keyof typeof TYPED_ARRAYS, string]) => {
      const bytes = Buffer.from(text, 'base64');
      return new TYPED_ARRAYS[name](new Uint8Array(bytes).buffer);
    },
  },
  objectId: {
    is: isBson('ObjectId'),
    take: (id: { toHexString(): string }) => id.toHexString(),
    make: (hex: string) => new bson.ObjectId(hex),
  },
  decimal: {
    is: isBson('Decimal128'),
    take: String,
    make: (text: string) => bson.Decimal128.fromString(text),
  },
  long: {
    is: isBson('Long'),
    take: (long: { toString(): string; unsigned: boolean }) => [long.toString(), long.unsigned],
    make: ([text, unsigned]: [string, boolean]) => bson.Long.fromString(text, unsigned),
  },
  binary: {
    is: isBson('Binary'),
    take: (binary: { value(): Uint8Array; sub_type: number }) => [base64(binary.value()), binary.sub_type],
    make: ([text, subType]: [string, number]) => {
      const bytes = Buffer.from(text, 'base64');
      return subType === bson.Binary.SUBTYPE_UUID ? new bson.UUID(bytes) : new bson.Binary(bytes, subType);
    },
  },
};

function tag(value: unknown, path: string, walk: Walk): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : special(walk, 'number', Object.is(value, -0) ? '-0' : String(value));
    case 'bigint':
      return special(walk, 'bigint', String(value));
    case 'undefined':
      return special(walk, 'undefined');
    case 'object':
      return value === null ? null : tagObject(value, path, walk);
    default:
      throw new CacheValueError(path, `a ${typeof value}`);
  }
}

function tagObject(value: object, path: string, walk: Walk): unknown {
  if (walk.above.has(value)) throw new CacheValueError(path, 'a cycle: it holds itself');
  walk.above.add(value);
  try {
    if (Array.isArray(value))
      return Array.from(value, (member, index) => tag(member, `${path}[${index}]`, walk));
    for (const [kind, { is, take }] of Object.entries(KINDS)) {
      if (is(value)) return special(walk, kind, tag(take(value as never), path, walk));
    }
    return tagMembers(value, path, walk);
  } finally {
    walk.above.delete(value);
  }
}

function tagMembers(value: object, path: string, walk: Walk): unknown {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    // What says itself how it is written (a Mongoose document, a DTO) is cached as what it says.
    const { toJSON } = value as { toJSON?: () => unknown };
    if (typeof toJSON !== 'function' && !isPlainClass(value))
      throw new CacheValueError(path, describe(value));
    walk.isPlain = false;
    if (typeof toJSON === 'function') return tag(toJSON.call(value), path, walk);
  }
  const members: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
  for (const [name, member] of Object.entries(value))
    members[name] = tag(member, path ? `${path}.${name}` : name, walk);
  if (!(TAG in members) && !('__proto__' in members) && !('toJSON' in members)) return members;
  return special(walk, 'object', Object.entries(members));
}

/** Data of a class without behaviour of its own to lose: private state and accessors would be lost silently. */
function isPlainClass(value: object): boolean {
  return !UNFAITHFUL.some((is) => is(value));
}

const UNFAITHFUL: readonly ((value: unknown) => boolean)[] = [
  types.isPromise,
  types.isWeakMap,
  types.isWeakSet,
  types.isNativeError,
  types.isAnyArrayBuffer,
  types.isArrayBufferView,
  types.isBoxedPrimitive,
  types.isGeneratorObject,
];

const describe = (value: object): string => `a ${value.constructor?.name || 'value of an unknown class'}`;

function special(walk: Walk, kind: string, data?: unknown): Tagged {
  walk.isPlain = false;
  return { [TAG]: data === undefined ? [kind] : [kind, data] };
}

function untag(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(untag);
  if (!(TAG in value)) {
    for (const name of Object.keys(value)) {
      (value as Record<string, unknown>)[name] = untag((value as Record<string, unknown>)[name]);
    }
    return value;
  }
  const [kind, data] = (value as Tagged)[TAG];
  if (kind === 'undefined') return undefined;
  if (kind === 'number') return Number(data);
  if (kind === 'bigint') return BigInt(data as string);
  if (kind === 'object')
    return Object.fromEntries((data as [string, unknown][]).map(([name, member]) => [name, untag(member)]));
  return (KINDS[kind] as Kind).make(untag(data) as never);
}
