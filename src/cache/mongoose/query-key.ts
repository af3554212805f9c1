import { createHash } from 'node:crypto';
import { bsonType, isPlain, words, type Bson, type Place, type Read, type ReadOperation } from './read.js';

const FINDING = [
  'projection',
  'sort',
  'skip',
  'hint',
  'collation',
  'min',
  'max',
  'let',
  'returnKey',
  'showRecordId',
];

/** Options that change the result, by operation: part of the key. */
const TELLING: Record<ReadOperation, readonly string[]> = {
  find: [...FINDING, 'limit'],
  findOne: FINDING,
  countDocuments: ['skip', 'limit', 'hint', 'collation', 'let'],
  estimatedDocumentCount: [],
  distinct: ['hint', 'collation'],
  aggregate: ['hint', 'collation', 'let'],
};

/** How values are decoded. Documents are kept as the server sent them, so these matter for other results only. */
const DECODING = [
  'promoteValues',
  'promoteLongs',
  'promoteBuffers',
  'useBigInt64',
  'bsonRegExp',
  'fieldsAsRaw',
];

/** Options that don't change what is answered, only how it is had, and those that Mongoose keeps for itself. */
const NEUTRAL = new Set(
  words(
    'comment maxTimeMS maxAwaitTimeMS timeoutMS signal noCursorTimeout allowDiskUse session',
    'readPreference readConcern writeConcern w j wtimeout ignoreUndefined serializeFunctions',
    'checkKeys enableUtf8Validation middleware defaults lean bypassDocumentValidation',
  ),
);

/** What the driver does not even look at for some operations. */
const IGNORED: Record<ReadOperation, readonly string[]> = {
  find: [],
  findOne: ['limit'],
  countDocuments: ['sort', 'projection'],
  estimatedDocumentCount: ['sort', 'projection'],
  distinct: ['sort', 'projection'],
  aggregate: [],
};

/** Operators and variables whose value is not a matter of the data alone, wherever they stand. */
const UNSTEADY = new Set([
  '$where',
  '$function',
  '$accumulator',
  '$rand',
  '$sample',
  '$sampleRate',
  '$createObjectId',
]);
const UNSTEADY_VARIABLE = /^\$\$(?:NOW|CLUSTER_TIME|USER_ROLES)(?:\.|$)/;

/** Types of the BSON library that stand for one value each. */
const VALUES = new Set(
  words(
    'ObjectId Binary Decimal128 Long Int32 Double Timestamp MinKey MaxKey BSONRegExp',
    'BSONSymbol DBRef',
  ),
);

/**
 * The key of a read: the same for reads that must have the same result, different for all others. Types count as
 * they do for the server (an ObjectId is not its hex string, a Date not its ISO string), the order of members
 * counts except where they are ANDed.
 *
 * Undefined when anything in the read is unknown here, or not a matter of the data alone: such a read is not
 * cached, since a wrong guess would answer one question with the result of another.
 */
export function queryKey(read: Read, place: Place, bson: Bson): string | undefined {
  try {
    const { operation, options } = read;
    const document = {
      v: 1,
      ...place,
      operation,
      field: read.field ?? null,
      filter: filter(read.filter ?? {}),
      pipeline: (read.pipeline ?? []).map((stage) => literal(stage)),
      options: tellingOptions(operation, options),
    };
    const { ignoreUndefined } = options;
    const bytes = bson.serialize(document, { ignoreUndefined: ignoreUndefined === true });
    return createHash('sha256').update(bytes).digest('base64url');
  } catch {
    return undefined; // Unknown, or what the BSON library itself refuses: a cycle, a value of another version
  }
}

/** Whether nothing in a pipeline makes its result more than a matter of the data. */
export function isSteady(pipeline: readonly unknown[]): boolean {
  try {
    pipeline.forEach(literal);
    return true;
  } catch {
    return false;
  }
}

class Unknown extends Error {}

function tellingOptions(operation: ReadOperation, options: Read['options']): Record<string, unknown> {
  const telling = new Set(TELLING[operation]);
  const keepsBytes = operation === 'find' || operation === 'findOne' || operation === 'aggregate';
  const told: Record<string, unknown> = {};
  for (const name of Object.keys(options).sort()) {
    const value = options[name];
    if (value === undefined || value === null) continue;
    if (telling.has(name)) told[name] = name === 'projection' ? projection(value) : literal(value);
    else if (DECODING.includes(name)) {
      if (!keepsBytes) told[name] = literal(value);
    } else if (!isNeutral(name, value) && !IGNORED[operation].includes(name)) throw new Unknown(name);
  }
  return told;
}

function isNeutral(name: string, value: unknown): boolean {
  if (name === 'raw') return value === false;
  if (name === 'batchSize') return Number(value) >= 0; // a negative one is a limit
  return NEUTRAL.has(name);
}

/** Fields to include or exclude have no order, computed ones do. */
function projection(value: unknown): unknown {
  const isPlainChoice =
    isPlain(value) && Object.values(value).every((one) => [0, 1, true, false].includes(one as number));
  return isPlainChoice ? sorted(value, literal) : literal(value);
}

/** Conditions on a document: all of them must hold, in whatever order. */
function filter(value: unknown): unknown {
  if (!isPlain(value)) throw new Unknown('filter');
  return sorted(value, condition);
}

function condition(value: unknown, name: string): unknown {
  if (name === '$and' || name === '$or' || name === '$nor') {
    if (!Array.isArray(value)) throw new Unknown(name);
    return value.map(filter);
  }
  return name.startsWith('$') || !areOperators(value) ? literal(value) : operators(value);
}

/** `{ $gt: 1, $lt: 9 }`: conditions on one field, which must all hold too. */
function operators(value: Record<string, unknown>): unknown {
  return sorted(value, (operand, name) => {
    if (name === '$not' && areOperators(operand)) return operators(operand);
    if (name === '$elemMatch' && isPlain(operand))
      return areOperators(operand) ? operators(operand) : filter(operand);
    return literal(operand);
  });
}

/** `$and`, `$or` and `$nor` are conditions on documents. `$ref`, `$id` and `$db` are a DBRef, whose order counts. */
function areOperators(value: unknown): value is Record<string, unknown> {
  if (!isPlain(value)) return false;
  const names = Object.keys(value);
  return names.length > 0 && names.every((name) => /^\$(?!and$|or$|nor$|ref$|id$|db$)/.test(name));
}

function sorted(
  value: Record<string, unknown>,
  each: (value: unknown, name: string) => unknown,
): Record<string, unknown> {
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((name) => [steady(name), each(value[name], name)]));
}

/** A value as it is, with every type checked to be one whose bytes tell it from all others. */
function literal(value: unknown): unknown {
  if (typeof value === 'string') return steadyVariable(value);
  if (typeof value === 'function' || typeof value === 'symbol') throw new Unknown(typeof value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(literal);
  const type = bsonType(value);
  if (type !== undefined) {
    if (!VALUES.has(type)) throw new Unknown(type);
    return value;
  }
  if (value instanceof Date || value instanceof RegExp || value instanceof Uint8Array) return value;
  if (value instanceof Map)
    return new Map([...value].map(([name, each]) => [steady(String(name)), literal(each)]));
  if (hasToBson(value)) return literal(value.toBSON());
  if (!isPlain(value)) throw new Unknown('class');
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [steady(name), literal(each)]));
}

const hasToBson = (value: object): value is { toBSON(): unknown } =>
  typeof (value as { toBSON?: unknown }).toBSON === 'function';

function steady(name: string): string {
  if (UNSTEADY.has(name)) throw new Unknown(name);
  return name;
}

function steadyVariable(text: string): string {
  if (UNSTEADY_VARIABLE.test(text)) throw new Unknown(text);
  return text;
}
