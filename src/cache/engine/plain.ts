/**
 * How deep arrays and objects may nest in a value, so that no walk over one runs out of stack: here, in JSON, or in
 * the code of whoever gets it.
 */
export const MAX_DEPTH = 1000;

/** Where objects lead to each other in many ways, a walk ends after this many. */
const MAX_VISITS = 100_000;

/**
 * True for what JSON gives back as it was. False says nothing: the value may also be too large or too tangled for
 * this quick look, which allocates nothing. Cycles end at the depth or at the number of visits.
 */
export function isPlain(value: unknown): boolean {
  visits = MAX_VISITS;
  return isPlainMember(value, MAX_DEPTH);
}

let visits = 0;

function isPlainMember(value: unknown, depth: number): boolean {
  const type = typeof value;
  if (type === 'string' || type === 'boolean' || value === null) return true;
  if (type === 'number') return isPlainNumber(value as number);
  return type === 'object' && isPlainObject(value as object, depth);
}

/** -0 is written as 0, what is not finite as null. */
export function isPlainNumber(value: number): boolean {
  return value - value === 0 && (value !== 0 || 1 / value > 0);
}

function isPlainObject(value: object, depth: number): boolean {
  if (depth === 0 || --visits < 0) return false;
  if (Array.isArray(value)) {
    if (Object.getPrototypeOf(value) !== Array.prototype) return false;
    for (let index = 0; index < value.length; index++) {
      if (!isPlainMember(value[index], depth - 1)) return false; // a hole is undefined: not plain
    }
    return true;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return false;
  for (const name in value) {
    if (!isPlainMember((value as Record<string, unknown>)[name], depth - 1)) return false;
  }
  return true;
}

/** Whether what JSON.parse gave nests at most so deep: it goes as deep as the text does. */
export function nestsWithin(parsed: unknown, depth: number): boolean {
  if (typeof parsed !== 'object' || parsed === null) return true;
  if (depth === 0) return false;
  if (Array.isArray(parsed)) {
    for (let index = 0; index < parsed.length; index++) {
      if (!nestsWithin(parsed[index], depth - 1)) return false;
    }
    return true;
  }
  for (const name in parsed) {
    if (!nestsWithin((parsed as Record<string, unknown>)[name], depth - 1)) return false;
  }
  return true;
}
