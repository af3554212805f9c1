import type { mongo } from 'mongoose';

/** Operations of a driver's collection whose answers are cached. */
export type ReadOperation =
  'find' | 'findOne' | 'countDocuments' | 'estimatedDocumentCount' | 'distinct' | 'aggregate';

/** One read as it reaches the collection: cast, after all hooks, as the server will see it. */
export interface Read {
  operation: ReadOperation;
  filter?: unknown;
  /** What `distinct` is asked for. */
  field?: string;
  pipeline?: readonly unknown[];
  options: Readonly<Record<string, unknown>>;
}

/** Where a read goes. `cluster` tells servers apart, databases of one name on two servers are two. */
export interface Place {
  cluster: string;
  database: string;
  collection: string;
  /** The read concern of reads that have none of their own. Default: `'local'`. */
  readConcern?: string;
  /** The model that asks: what it reads is dropped by `clearModelCache` of that model. */
  model: string;
}

/** The BSON library of the attached Mongoose: only its own classes are known to its driver. */
export type Bson = typeof mongo.BSON;

/** How the driver was asked to decode: what `Collection.bsonOptions` and the options of one call say. */
export type Decoding = Readonly<Record<string, unknown>>;

/** An object literal, as filters and pipelines are made of; no instance of a class. */
export function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** What the BSON library calls the type of one of its values, or undefined for all others. */
export function bsonType(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const type = (value as { _bsontype?: unknown })._bsontype;
  return typeof type === 'string' ? type : undefined;
}

/** Names as a reader likes to see many of them: a few lines with spaces between. */
export const words = (...lines: string[]): string[] => lines.flatMap((line) => line.split(' '));
