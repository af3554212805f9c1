import { hash } from 'node:crypto';
import { filter, lengthy, literal, projection, Unknown, type Sending } from './canonical-text.js';
import { words, type Bson, type Decoding, type Place, type Read, type ReadOperation } from './read.js';

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

/** Options that don't change what is answered, only how it is had, and those that Mongoose and its plugins keep for themselves. */
const NEUTRAL = new Set(
  words(
    'comment maxTimeMS maxAwaitTimeMS timeoutMS signal noCursorTimeout allowDiskUse session',
    'readPreference writeConcern w j wtimeout ignoreUndefined serializeFunctions',
    'checkKeys enableUtf8Validation middleware defaults lean bypassDocumentValidation',
    'requireFilter autopopulate maxDepth _depth',
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

/**
 * The key of a read: the same for reads that must have the same result, different for all others. Types count as
 * they do for the server (an ObjectId is not its hex string, a Date not its ISO string), the order of members
 * counts except where they are ANDed.
 *
 * Undefined when anything in the read is unknown here, or not a matter of the data alone: such a read is not
 * cached, since a wrong guess would answer one question with the result of another.
 *
 * @param decoding what holds for it in all, where that is more than its own options say
 */
export function queryKey(
  read: Read,
  place: Place,
  bson: Bson,
  decoding: Decoding = read.options,
): string | undefined {
  try {
    const { operation, options, pipeline = [] } = read;
    const sending = { bson, ignoresUndefined: decoding.ignoreUndefined === true };
    let text = `2;${lengthy(place.cluster)}${lengthy(place.database)}${lengthy(place.collection)}`;
    text += `${lengthy(place.model)}${operation};${read.field === undefined ? '' : lengthy(read.field)};`;
    text += filter(read.filter ?? {}, sending) + literal(pipeline, sending);
    text += readConcern(options.readConcern, place);
    text += tellingOptions(operation, options, decoding, sending);
    return hashed(text);
  } catch {
    return undefined; // Unknown, or what the BSON library itself refuses: a cycle, a value of another version
  }
}

/** Whether nothing in a pipeline makes its result more than a matter of the data. */
export function isSteady(pipeline: readonly unknown[], bson: Bson): boolean {
  try {
    literal(pipeline, { bson, ignoresUndefined: false });
    return true;
  } catch {
    return false;
  }
}

const hashes = new Map<string, string>();
const MOST_HASHES = 1_000;
const LONGEST_KNOWN = 1_000;

/** Most texts come again and again. */
function hashed(text: string): string {
  const known = hashes.get(text);
  if (known !== undefined) return known;
  const key = hash('sha256', text, 'base64url');
  if (text.length <= LONGEST_KNOWN) {
    if (hashes.size >= MOST_HASHES) hashes.clear();
    hashes.set(text, key);
  }
  return key;
}

function tellingOptions(
  operation: ReadOperation,
  options: Read['options'],
  decoding: Decoding,
  sending: Sending,
): string {
  const telling = TELLING[operation];
  for (const name of Object.keys(options)) {
    const value = options[name];
    if (value === undefined || value === null || NEUTRAL.has(name) || telling.includes(name)) continue;
    if (DECODING.includes(name) || IGNORED[operation].includes(name)) continue;
    if (name === 'raw' || name === 'readConcern') continue;
    if (name === 'batchSize' && Number(value) >= 0) continue; // a negative one is a limit
    throw new Unknown(name);
  }
  if ((decoding.raw ?? false) !== false) throw new Unknown('raw');
  const keepsBytes = operation === 'find' || operation === 'findOne' || operation === 'aggregate';
  return told(telling, options, sending) + (keepsBytes ? '' : told(DECODING, decoding, sending));
}

/**
 * What one concern shows, another may not show yet, or may have to take back. These two ask for more than an answer
 * that was right when it was given.
 */
function readConcern(asked: unknown, place: Place): string {
  const { level = asked ?? place.readConcern ?? 'local' } = (asked ?? {}) as { level?: unknown };
  if (typeof level !== 'string' || level === 'linearizable' || level === 'snapshot')
    throw new Unknown('readConcern');
  return level === 'local' ? '' : `r${lengthy(level)}`;
}

function told(names: readonly string[], options: Read['options'], sending: Sending): string {
  let text = ';';
  for (const name of names) {
    const value = options[name];
    if (value === undefined || value === null) continue;
    text += lengthy(name) + (name === 'projection' ? projection : literal)(value, sending);
  }
  return text;
}
