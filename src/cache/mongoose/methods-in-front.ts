export type Methods = Record<string, (this: never, ...args: never[]) => unknown>;

/** Puts methods in front of those of the object's class, on this one object. Twice is once. */
export function putInFront(target: object, methods: Methods): void {
  for (const [name, value] of Object.entries(methods)) {
    if (Object.hasOwn(target, name) || !(name in target)) continue;
    Object.defineProperty(target, name, { value, configurable: true, writable: true });
  }
}

/** The object is again what its class says. */
export function takeAway(target: object, methods: Methods): void {
  for (const [name, value] of Object.entries(methods)) {
    if (Object.getOwnPropertyDescriptor(target, name)?.value === value) Reflect.deleteProperty(target, name);
  }
}

// oxlint-disable typescript/no-unnecessary-type-parameters -- what a method gives is known to its caller only
/** Calls the method of the object's class that ours stands in front of. */
export function callBehind<Result = Promise<unknown>>(
  self: object,
  name: string,
  args: readonly unknown[],
): Result {
  const method: unknown = Reflect.get(Object.getPrototypeOf(self) as object, name);
  return Reflect.apply(method as (...args: unknown[]) => Result, self, args);
}
