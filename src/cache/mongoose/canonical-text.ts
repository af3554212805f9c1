import { bsonType, isPlain, words, type Bson } from './read.js';

/** What is not known here, or not a matter of the data alone. */
export class Unknown extends Error {}

/** How the driver will send what is asked. */
export interface Sending {
  bson: Pick<Bson, 'serialize' | 'ObjectId'>;
  /** Whether members that are undefined are left out. */
  ignoresUndefined: boolean;
}

/** Operators and variables whose value is not a matter of the data alone, wherever they stand. */
const UNSTEADY = new Set(words('$where $function $accumulator $rand $sample $sampleRate $createObjectId'));
const UNSTEADY_VARIABLE = /^\$\$(?:NOW|CLUSTER_TIME|USER_ROLES)(?:\.|$)/;

/** Types of the BSON library that stand for one value each. */
const VALUES = new Set(
  words(
    'ObjectId Binary Decimal128 Long Int32 Double Timestamp MinKey MaxKey BSONRegExp',
    'BSONSymbol DBRef',
  ),
);

/** Text that says where it ends: whatever is written behind it, it is told from all others. */
export const lengthy = (text: string): string => `${text.length}:${text}`;

/** Fields to include or exclude have no order, computed ones do. */
export function projection(value: unknown, sending: Sending): string {
  const isPlainChoice =
    isPlain(value) && Object.values(value).every((one) => [0, 1, true, false].includes(one as number));
  return isPlainChoice ? inOrder(value, sending, literal) : literal(value, sending);
}

/** Conditions on a document: all of them must hold, in whatever order. */
export function filter(value: unknown, sending: Sending): string {
  if (!isPlain(value)) throw new Unknown('filter');
  return inOrder(value, sending, condition);
}

function condition(value: unknown, sending: Sending, name: string): string {
  if (name === '$and' || name === '$or' || name === '$nor') {
    if (!Array.isArray(value)) throw new Unknown(name);
    return list(value, sending, filter);
  }
  return name.startsWith('$') || !areOperators(value) ? literal(value, sending) : operators(value, sending);
}

/** `{ $gt: 1, $lt: 9 }`: conditions on one field, which must all hold too. */
function operators(value: Record<string, unknown>, sending: Sending): string {
  return inOrder(value, sending, (operand, _, name) => {
    if (name === '$not' && areOperators(operand)) return operators(operand, sending);
    if (name === '$elemMatch' && isPlain(operand))
      return areOperators(operand) ? operators(operand, sending) : filter(operand, sending);
    return literal(operand, sending);
  });
}

const OPERATOR = /^\$(?!and$|or$|nor$|ref$|id$|db$)/;

/** `$and`, `$or` and `$nor` are conditions on documents. `$ref`, `$id` and `$db` are a DBRef, whose order counts. */
function areOperators(value: unknown): value is Record<string, unknown> {
  if (!isPlain(value)) return false;
  const names = Object.keys(value);
  return names.length > 0 && names.every((name) => OPERATOR.test(name));
}

type Writer = (value: unknown, sending: Sending, name: string) => string;

function inOrder(value: Record<string, unknown>, sending: Sending, each: Writer): string {
  const names = Object.keys(value);
  return members(names.length > 1 ? names.sort() : names, (name) => value[name], sending, each);
}

function members(
  names: Iterable<string>,
  valueOf: (name: string) => unknown,
  sending: Sending,
  each: Writer,
): string {
  let text = '{';
  for (const name of names) {
    if (name.startsWith('$') && UNSTEADY.has(name)) throw new Unknown(name);
    const value = valueOf(name);
    if (value === undefined && sending.ignoresUndefined) continue;
    text += lengthy(name) + each(value, sending, name);
  }
  return `${text}}`;
}

function list(values: readonly unknown[], sending: Sending, each: Writer): string {
  let text = '[';
  for (const value of values) text += each(value, sending, '');
  return `${text}]`;
}

/**
 * A value as text that tells it from all others: types count as they do for the server (an ObjectId is not its hex
 * string, a Date not its ISO string, 1 is not 1.0 of the class Double). Each kind of value begins with a letter or
 * sign of its own and says where it ends.
 *
 * @throws Unknown, or whatever the BSON library throws for what it can't send
 */
export function literal(value: unknown, sending: Sending): string {
  switch (typeof value) {
    case 'string':
      if (value.startsWith('$$') && UNSTEADY_VARIABLE.test(value)) throw new Unknown(value);
      return `s${lengthy(value)}`;
    case 'number':
      return number(value);
    case 'boolean':
      return value ? 't' : 'f';
    case 'undefined':
      return 'u';
    case 'bigint':
      return `l${BigInt.asIntN(64, value)};`;
    case 'object':
      return value === null ? 'n' : object(value, sending);
    default:
      throw new Unknown(typeof value);
  }
}

/** What fits into 32 bits is sent as such, all else as a double. */
function number(value: number): string {
  return (value | 0) === value && !Object.is(value, -0) ? `i${value};` : double(value);
}

const double = (value: number): string => `d${Object.is(value, -0) ? '-0' : value};`;

function object(value: object, sending: Sending): string {
  if (Array.isArray(value)) return list(value, sending, literal);
  const type = bsonType(value);
  if (type !== undefined) return ofLibrary(value, type, sending);
  if (value instanceof Date) return `D${value.getTime()};`;
  if (value instanceof RegExp || value instanceof Uint8Array) return bytes(value, sending);
  if (value instanceof Map) {
    const map = value as Map<unknown, unknown>;
    const named = new Map([...map].map(([name, each]) => [String(name), each]));
    return members(named.keys(), (name) => named.get(name), sending, literal);
  }
  if (hasToBson(value)) return literal(value.toBSON(), sending);
  if (!isPlain(value)) throw new Unknown('class');
  return members(Object.keys(value), (name) => value[name], sending, literal);
}

function ofLibrary(value: object, type: string, sending: Sending): string {
  if (!VALUES.has(type)) throw new Unknown(type);
  if (Object.getPrototypeOf(value) === sending.bson.ObjectId.prototype)
    return `o${lengthy((value as { toHexString(): string }).toHexString())}`;
  const { value: inside, unsigned } = value as { value?: unknown; unsigned?: unknown };
  if (type === 'Int32' && typeof inside === 'number') return `i${inside | 0};`;
  if (type === 'Double' && typeof inside === 'number') return double(inside);
  if (type === 'Long' && unsigned === false) return `l${(value as { toString(): string }).toString()};`;
  return bytes(value, sending);
}

/** What is rare, as the library sends it. */
function bytes(value: object, { bson }: Sending): string {
  return `b${lengthy(Buffer.from(bson.serialize({ v: value })).toString('base64'))}`;
}

const hasToBson = (value: object): value is { toBSON(): unknown } =>
  typeof (value as { toBSON?: unknown }).toBSON === 'function';
