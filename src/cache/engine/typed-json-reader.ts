import { OLD_BSON_KINDS } from './bson-kinds.js';
import { integer, list, text, type Kind } from './kinds.js';
import { MAX_DEPTH } from './plain.js';
import { KINDS, TAG } from './typed-json.js';

const MAKERS: ReadonlyMap<string, Pick<Kind, 'make'>> = new Map<string, Pick<Kind, 'make'>>([
  ...KINDS,
  ...Object.entries(OLD_BSON_KINDS),
]);

const NUMBERS: ReadonlyMap<unknown, number> = new Map(
  [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map((value) => [String(value), value]),
).set('-0', -0);

/**
 * The value that was tagged, made in place.
 * @throws SyntaxError for what `tagged` doesn't give
 */
export function untagged(data: unknown): unknown {
  return untag(data, MAX_DEPTH);
}

function untag(data: unknown, depth: number): unknown {
  if (typeof data !== 'object' || data === null) return data;
  if (depth === 0) throw new SyntaxError(`nested deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(data)) return untagArray(data as unknown[], depth - 1);
  const tag = (data as { [TAG]?: unknown })[TAG];
  return tag === undefined ? untagMembers(data, depth - 1) : untagSpecial(data, tag, depth - 1);
}

function untagArray(array: unknown[], depth: number): unknown[] {
  for (let index = 0; index < array.length; index++) {
    const data = array[index];
    if (typeof data === 'object' && data !== null) array[index] = untag(data, depth);
  }
  return array;
}

/** A member called `__proto__` is as JSON.parse made it, an own one: to assign it sets no prototype. */
function untagMembers(members: object, depth: number): object {
  for (const name in members) {
    const data = (members as Record<string, unknown>)[name];
    if (typeof data !== 'object' || data === null) continue;
    const member = untag(data, depth);
    if (member !== data) (members as Record<string, unknown>)[name] = member;
  }
  return members;
}

function untagSpecial(holder: object, tag: unknown, depth: number): unknown {
  try {
    const [kind, data] = list(tag, 1, 2);
    if (Object.keys(holder).length !== 1) throw new TypeError('not the only member');
    return made(text(kind), data, depth);
  } catch (cause) {
    throw new SyntaxError('not a tagged member', { cause });
  }
}

function made(kind: string, data: unknown, depth: number): unknown {
  switch (kind) {
    case 'undefined':
      return undefined;
    case 'number':
      return NUMBERS.get(data) ?? unknownKind();
    case 'bigint':
      return madeBigInt(text(data));
    case 'holes':
      return madeArray(data, depth);
    case 'object':
      return madeObject(data, depth);
    case 'bare':
      return madeBare(data, depth);
    default:
      return (MAKERS.get(kind) ?? unknownKind()).make(untag(data, depth));
  }
}

function unknownKind(): never {
  throw new TypeError('not a kind that is known');
}

/** Decimal digits, as they were written once, take a time that grows with their square. */
function madeBigInt(digits: string): bigint {
  if (!/^-?0x[0-9a-f]+$/.test(digits) && !/^-?\d{1,10000}$/.test(digits)) throw new TypeError('not a BigInt');
  return digits.startsWith('-') ? -BigInt(digits.slice(1)) : BigInt(digits);
}

function madeArray(data: unknown, depth: number): unknown[] {
  const [holes, members] = list(data, 2);
  const array = untagArray(list(members), depth);
  // oxlint-disable-next-line typescript/no-array-delete -- a hole is what was there
  for (const index of list(holes)) delete array[integer(index, 0, array.length - 1)];
  return array;
}

function madeObject(data: unknown, depth: number): object {
  return Object.fromEntries(
    list(data).map((entry) => {
      const [name, member] = list(entry, 2);
      return [text(name), untag(member, depth)];
    }),
  );
}

function madeBare(data: unknown, depth: number): object {
  const members = untag(data, depth + 1);
  if (typeof members !== 'object' || members === null || Object.getPrototypeOf(members) !== Object.prototype)
    throw new TypeError('not members');
  return Object.assign(Object.create(null) as object, members);
}
