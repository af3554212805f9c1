import { CacheMethodError } from '../cache.errors.js';
import { plansOf, type Method, type MethodPlan } from './decorated-methods.js';

/** A decorated method as an object has it. */
export interface FoundMethod {
  name: string | symbol;
  method: Method;
  plan: MethodPlan;
  /** How errors name it: `PriceService.price`, by the class of the object. */
  where: string;
}

/** What stands in the place of methods. A value that is provided may have been through the start of another application. */
const wrappers = new WeakSet<object>();

/**
 * The decorated methods of an object, inherited ones included, unless something without a decorator overrides them.
 * Reads nothing of the object but prototypes and descriptors: no getter runs.
 *
 * @throws CacheMethodError where another decorator has made something else of the method
 */
export function decoratedMethods(object: object): FoundMethod[] {
  const found: FoundMethod[] = [];
  const below: object[] = [];
  for (let level: object | null = object; level; level = Object.getPrototypeOf(level) as object | null) {
    for (const [name, plan] of plansOf(level)) {
      if (below.some((other) => overrides(other, name))) continue;
      const method: unknown = Object.getOwnPropertyDescriptor(level, name)?.value;
      const where = `${classNameOf(object)}.${String(name)}`;
      if (typeof method !== 'function') {
        throw new CacheMethodError(where, {
          problem: 'another decorator has put a getter in the place of the method',
          expected: 'a method',
          advice: 'leave that decorator out',
        });
      }
      found.push({ name, method: method as Method, plan, where });
    }
    below.push(level);
  }
  return found;
}

/** Puts a function in the place of a method, for whoever calls it on this object. */
export function replaceMethod(object: object, { name, method, where }: FoundMethod, wrapper: Method): void {
  wrappers.add(wrapper);
  // What looks for methods by what decorators said of them (schedules, event listeners) finds the wrapper.
  for (const key of Reflect.getOwnMetadataKeys(method))
    Reflect.defineMetadata(key, Reflect.getOwnMetadata(key, method), wrapper);
  Object.defineProperties(wrapper, {
    name: { value: method.name, configurable: true },
    length: { value: method.length, configurable: true },
  });
  const property = { value: wrapper, writable: true, configurable: true, enumerable: false };
  if (Reflect.defineProperty(object, name, property)) return;
  throw new CacheMethodError(where, {
    problem: 'nothing can be put around it: its object is frozen',
    expected: 'an object that takes properties',
  });
}

/** The name of an object's class, or of the next one above that has a name: a decorator may have extended it. */
export function classNameOf(object: object): string {
  for (
    let level: object | null = object;
    level && level !== Object.prototype;
    level = Object.getPrototypeOf(level) as object | null
  ) {
    const constructor: unknown = Object.getOwnPropertyDescriptor(level, 'constructor')?.value;
    if (typeof constructor === 'function' && constructor.name !== '') return constructor.name;
  }
  return '';
}

function overrides(object: object, name: string | symbol): boolean {
  const own = Object.getOwnPropertyDescriptor(object, name);
  return own !== undefined && !wrappers.has(Object(own.value) as object);
}
