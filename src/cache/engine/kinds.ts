import { types } from 'node:util';

/** A type that JSON lacks: how it is told, written as data, made from data again, and copied. */
export interface Kind {
  /** Prototypes of what `make` gives: the quick way to tell a value's kind. */
  prototypes: readonly object[];
  /** For values of another realm and of subclasses, which come back as what they extend. */
  is: (value: object) => boolean;
  /** Data that JSON has, or that is tagged in its turn. */
  take: (value: object) => unknown;
  /** Takes whatever stands in a payload, and throws for all that `take` doesn't give. */
  make: (data: unknown) => object;
  copy: (value: object, isolated: Isolate) => object;
}

export type Isolate = <T>(value: T) => T;

/** A kind, written in terms of its own type. */
export interface KindOf<T extends object, Data> {
  prototypes: readonly object[];
  is: (value: object) => boolean;
  take: (value: T) => Data;
  make: (data: unknown) => T;
  copy: (value: T, isolated: Isolate) => T;
}

export const kind = <T extends object, Data>(definition: KindOf<T, Data>) => definition as unknown as Kind;

/** Text of a payload, or an error. */
export function text(data: unknown): string {
  if (typeof data !== 'string') throw new TypeError('not a text');
  return data;
}

export function list(data: unknown, ...lengths: number[]): unknown[] {
  if (!Array.isArray(data) || (lengths.length > 0 && !lengths.includes(data.length)))
    throw new TypeError('not a list of the right length');
  return data as unknown[];
}

export function integer(data: unknown, least: number, most: number): number {
  if (!Number.isInteger(data) || Number(data) < least || Number(data) > most)
    throw new TypeError('not an integer in range');
  return data as number;
}

export function base64(bytes: ArrayBufferView): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** Node skips what is no base64: the length tells. */
export function bytes(data: unknown): Buffer {
  const encoded = text(data);
  const made = Buffer.from(encoded, 'base64');
  if (Math.ceil(made.length / 3) * 4 !== encoded.length) throw new TypeError('not base64');
  return made;
}

/** By name as Symbol.toStringTag says it. Float16Array where this Node.js has it. */
const TYPED_ARRAYS = new Map(
  ['Int8', 'Uint8', 'Uint8Clamped', 'Int16', 'Uint16', 'Int32', 'Uint32']
    .concat('Float16', 'Float32', 'Float64', 'BigInt64', 'BigUint64')
    .map((name) => `${name}Array`)
    .flatMap((name) => {
      const constructor = Reflect.get(globalThis, name) as
        (new (bytes: ArrayBuffer) => Uint8Array) | undefined;
      return constructor ? [[name, constructor] as const] : [];
    }),
);

export const BUILT_IN_KINDS: Readonly<Record<string, Kind>> = {
  date: kind<Date, number | null>({
    prototypes: [Date.prototype],
    is: types.isDate,
    take: (date) => (Number.isNaN(date.getTime()) ? null : date.getTime()),
    make: (time) => new Date(time === null ? Number.NaN : integer(time, -8.64e15, 8.64e15)),
    copy: (date) => new Date(date.getTime()),
  }),
  buffer: kind<Buffer, string>({
    prototypes: [Buffer.prototype],
    is: (value) => Buffer.isBuffer(value),
    take: base64,
    make: bytes,
    copy: (buffer) => Buffer.from(buffer),
  }),
  map: kind<Map<unknown, unknown>, unknown[]>({
    prototypes: [Map.prototype],
    is: types.isMap,
    take: (map) => [...map],
    make: (pairs) => new Map(list(pairs).map((pair) => list(pair, 2) as [unknown, unknown])),
    copy: (map, isolated) => {
      const copy = new Map<unknown, unknown>();
      for (const [key, member] of map) copy.set(isolated(key), isolated(member));
      return copy;
    },
  }),
  set: kind<Set<unknown>, unknown[]>({
    prototypes: [Set.prototype],
    is: types.isSet,
    take: (set) => [...set],
    make: (members) => new Set(list(members)),
    copy: (set, isolated) => {
      const copy = new Set<unknown>();
      for (const member of set) copy.add(isolated(member));
      return copy;
    },
  }),
  regexp: kind<RegExp, unknown[]>({
    prototypes: [RegExp.prototype],
    is: types.isRegExp,
    take: ({ source, flags, lastIndex }) => (lastIndex === 0 ? [source, flags] : [source, flags, lastIndex]),
    make: (data) => {
      const [source, flags, lastIndex = 0] = list(data, 2, 3);
      return regExp(text(source), text(flags), integer(lastIndex, 0, Number.MAX_SAFE_INTEGER));
    },
    copy: ({ source, flags, lastIndex }) => regExp(source, flags, lastIndex),
  }),
  url: kind<URL, string>({
    prototypes: [URL.prototype],
    is: (value) => value instanceof URL,
    take: (url) => url.href,
    make: (href) => new URL(text(href)),
    copy: (url) => new URL(url.href),
  }),
  array: kind<Uint8Array, string[]>({
    prototypes: [...TYPED_ARRAYS.values()].map(({ prototype }) => prototype as object),
    is: (value) => types.isTypedArray(value) && TYPED_ARRAYS.has(value[Symbol.toStringTag]),
    take: (array) => [array[Symbol.toStringTag], base64(array)],
    make: (data) => {
      const [name, encoded] = list(data, 2);
      const constructor = TYPED_ARRAYS.get(text(name));
      if (!constructor) throw new TypeError('not a typed array of this Node.js');
      return new constructor(new Uint8Array(bytes(encoded)).buffer);
    },
    copy: (array) => array.slice(),
  }),
};

function regExp(source: string, flags: string, lastIndex: number): RegExp {
  const made = new RegExp(source, flags);
  made.lastIndex = lastIndex;
  return made;
}
