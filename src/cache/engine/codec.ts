import { isUtf8 } from 'node:buffer';
import { CacheValueError } from '../cache.errors.js';
import type { EntryCodec } from './entry.js';
import { isPlain, MAX_DEPTH, nestsWithin } from './plain.js';
import { untagged } from './typed-json-reader.js';
import { tagged } from './typed-json.js';

/** JSON where that loses nothing, else JSON with tagged members for the types that it lacks. */
export type ValueCodec = Extract<EntryCodec, 'json' | 'typed'>;

/**
 * A value as bytes: the same ones for equal values with members in equal order, and for what they are decoded to.
 *
 * What comes back: Date, Buffer, Map, Set, BigInt, RegExp, URL, typed arrays, the types of BSON, `undefined`, `-0`,
 * `NaN`, infinities, holes and objects without a prototype as they were; an object that is held twice as two; a
 * getter as what it gives; a function `toJSON` as what it says; an instance of another class as a plain object with
 * its own enumerable members, one of a subclass of the types above as that type. Members with symbols for names, and
 * members beside what an array, Map or Date is made of, are left out, as JSON does.
 * @throws CacheValueError with the path for what has no faithful bytes: functions, symbols, promises, errors, cycles,
 * objects of the platform (streams, Headers, ArrayBuffer), more than 1000 levels
 */
export function encodeValue(value: unknown): { codec: ValueCodec; payload: Buffer } {
  if (isPlain(value)) return { codec: 'json', payload: written(value) };
  const { data, isPlain: asJson } = tagged(value);
  return { codec: asJson ? 'json' : 'typed', payload: written(data) };
}

function written(data: unknown): Buffer {
  try {
    return Buffer.from(JSON.stringify(data));
  } catch (error) {
    if (error instanceof RangeError) throw new CacheValueError('', 'too large for one text');
    throw error;
  }
}

/**
 * What `encodeValue` was given, made anew: nothing of it is shared. Runs no code of the payload's choice, and takes
 * a time and memory in proportion to its length.
 * @throws SyntaxError for bytes that `encodeValue` doesn't make
 */
export function decodeValue(codec: EntryCodec, payload: Buffer): unknown {
  if (codec !== 'json' && codec !== 'typed') throw new SyntaxError('not the bytes of a value');
  if (!isUtf8(payload)) throw new SyntaxError('not UTF-8'); // decoding would put U+FFFD for what is damaged
  const parsed: unknown = JSON.parse(payload.toString());
  if (codec === 'typed') return untagged(parsed);
  // A level takes two bytes at least.
  if (payload.length >= 2 * MAX_DEPTH && !nestsWithin(parsed, MAX_DEPTH))
    throw new SyntaxError(`nested deeper than ${MAX_DEPTH} levels`);
  return parsed;
}
