import { createHash } from 'node:crypto';
import { types } from 'node:util';
import type { Kind } from '../engine/kinds.js';
import { MAX_DEPTH } from '../engine/plain.js';
import { KINDS_BY_PROTOTYPE } from '../engine/typed-json.js';

/** Longer keys are hashed: each is held in memory, and sent with every read. */
const LONGEST_READABLE = 250;
/** More values, or characters and bytes in all, are not told apart in the time that a cache may take. */
const MOST_VALUES = 100_000;
const MOST_CHARACTERS = 4 * 1024 * 1024;

/** An argument that no text tells from all others. */
export class ArgumentError extends Error {
  constructor(
    readonly path: string,
    readonly found: string,
  ) {
    super(`${path} is ${found}`);
  }
}

/**
 * `name("r1",2)`, or `name(#<hash>)` where that would be long, so that `clearPattern('name(*')` means all of them;
 * just `name` where there are no arguments.
 *
 * The same for the same arguments, different for all others. They are the same when all about them is: types, the
 * order of members, `undefined` as a member or an argument of its own, -0.
 *
 * @throws ArgumentError for functions, symbols, cycles, proxies, getters, hidden members, objects of the platform,
 * instances of classes with private fields or accessors
 */
export function argumentKey(name: string, args: readonly unknown[]): string {
  if (args.length === 0) return name;
  const text = args.length === 1 && isShort(args[0]) ? JSON.stringify(args[0]) : new Walk().list(args);
  if (name.length + text.length <= LONGEST_READABLE) return `${name}(${text})`;
  return `${name}(#${createHash('sha256').update(text).digest('base64url')})`;
}

/** A name as keys have it: no other name looks like it, whatever follows. */
export function keyName(name: string): string {
  return /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name) ? name : JSON.stringify(name);
}

/** The one argument that most methods have, without the walk. */
function isShort(value: unknown): boolean {
  return typeof value === 'string' && value.length <= LONGEST_READABLE;
}

/** Every text says by itself where it ends, so that lists of them are told apart too. */
class Walk {
  #values = 0;
  #characters = 0;
  /** The objects that hold the one being looked at, and under which names: its path. */
  readonly #holders: object[] = [];
  readonly #path: unknown[] = [];

  list(values: readonly unknown[]): string {
    const texts: string[] = [];
    for (let index = 0; index < values.length; index++) texts.push(this.#member(index, values[index]));
    return texts.join();
  }

  #member(name: unknown, value: unknown): string {
    this.#path.push(name);
    const text = this.#text(value);
    this.#path.pop();
    return text;
  }

  #text(value: unknown): string {
    if (++this.#values > MOST_VALUES) this.#refuse(`one of more than ${MOST_VALUES} values`);
    switch (typeof value) {
      case 'string':
        return this.#quoted(value);
      case 'number':
        return Object.is(value, -0) ? '-0' : String(value);
      case 'bigint':
        return `${value < 0n ? '-' : ''}0x${(value < 0n ? -value : value).toString(16)}n`;
      case 'boolean':
      case 'undefined':
        return String(value);
      case 'object':
        return value === null ? 'null' : this.#objectText(value);
      default:
        return this.#refuse(`a ${typeof value}`);
    }
  }

  #objectText(value: object): string {
    if (types.isProxy(value)) this.#refuse('a Proxy');
    if (this.#holders.includes(value)) this.#refuse('a cycle: it holds itself');
    if (this.#holders.length === MAX_DEPTH) this.#refuse(`nested deeper than ${MAX_DEPTH} levels`);
    this.#holders.push(value);
    const text = this.#insidesText(value, Object.getPrototypeOf(value) as object | null);
    this.#holders.pop();
    return text;
  }

  #insidesText(value: object, prototype: object | null): string {
    if (prototype === Array.prototype && Array.isArray(value)) return `[${this.#arrayText(value)}]`;
    if (prototype === Object.prototype || prototype === null) return `{${this.#membersText(value)}}`;
    if (ArrayBuffer.isView(value)) this.#count(value.byteLength);
    const kind = KINDS_BY_PROTOTYPE.get(prototype) ?? kindOfForeignBson(value, prototype);
    if (kind?.is(value)) return `${className(prototype)}(${this.#text(kind.take(value))})`;
    if (hidesState(prototype)) this.#refuse(described(prototype));
    return `${className(prototype)}{${this.#membersText(value)}}`;
  }

  #arrayText(array: readonly unknown[]): string {
    // Not by a look at each of its places: an array of nothing but holes may have billions.
    const names = Object.keys(array);
    const isDense = names.length === array.length && (names.at(-1) ?? '-1') === String(array.length - 1);
    if (!isDense) this.#refuse('an array with holes or members of its own');
    return this.list(array);
  }

  #membersText(value: object): string {
    const texts: string[] = [];
    for (const name of Reflect.ownKeys(value)) {
      const member = Object.getOwnPropertyDescriptor(value, name) as PropertyDescriptor;
      if (typeof name === 'symbol' || !member.enumerable || !('value' in member))
        return this.#refuse(`an object with a hidden member or a getter, ${String(name)}`);
      texts.push(`${this.#quoted(name)}:${this.#member(name, member.value)}`);
    }
    return texts.join();
  }

  #quoted(text: string): string {
    this.#count(text.length);
    return JSON.stringify(text);
  }

  #count(characters: number): void {
    this.#characters += characters;
    if (this.#characters > MOST_CHARACTERS) this.#refuse(`part of more than ${MOST_CHARACTERS} characters`);
  }

  #refuse(found: string): never {
    const [first, ...more] = this.#path;
    const path = [`argument ${Number(first) + 1}`, ...more.map(String)].join('.');
    throw new ArgumentError(path.length > 200 ? `${path.slice(0, 100)}…${path.slice(-100)}` : path, found);
  }
}

/** The types of BSON, made by another copy of it than Mongoose's. */
function kindOfForeignBson(value: object, prototype: object): Kind | undefined {
  return '_bsontype' in prototype
    ? [...KINDS_BY_PROTOTYPE.values()].find((kind) => kind.is(value))
    : undefined;
}

const hiding = new WeakMap<object, boolean>();

/** Whether instances may differ in what their members don't show. */
function hidesState(prototype: object): boolean {
  const known = hiding.get(prototype);
  if (known !== undefined) return known;
  const hides = levelHides(prototype);
  hiding.set(prototype, hides);
  return hides;
}

function levelHides(prototype: object): boolean {
  const constructor: unknown = Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value;
  if (typeof constructor !== 'function' || constructor.name === '') return true;
  // The source is the only place where private fields can be seen from outside. Classes of the platform have none.
  if (/#[\p{ID_Start}$_]|\[native code\]/u.test(Function.prototype.toString.call(constructor))) return true;
  const hasAccessor = Reflect.ownKeys(prototype).some(
    (name) => !('value' in (Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor)),
  );
  const above = Object.getPrototypeOf(prototype) as object | null;
  return hasAccessor || above === null || (above !== Object.prototype && hidesState(above));
}

const className = (prototype: object): string => keyName(prototype.constructor.name);

const described = (prototype: object): string =>
  `an instance of ${prototype.constructor?.name || 'a class without a name'}, which may hide what it holds`;
