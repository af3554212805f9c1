import type { Connection, Model, Mongoose, mongo } from 'mongoose';

/**
 * What is used of Mongoose beyond its typed API, read in 9.12.1. Nothing else in this folder names an internal.
 */

/** Mongoose's own collection in front of the driver's: buffers until the connection is open, prints debug lines. */
export interface NativeCollection extends Pick<
  mongo.Collection,
  'findOne' | 'countDocuments' | 'estimatedDocumentCount' | 'distinct'
> {
  conn: Connection;
  /** The driver's, once the connection is open. */
  collection: mongo.Collection | null;
  /** Cursors come later where the connection is still to be opened. */
  find(filter: mongo.Document, options?: object): mongo.FindCursor | Promise<mongo.FindCursor>;
  aggregate(
    pipeline: mongo.Document[],
    options?: object,
  ): mongo.AggregationCursor | Promise<mongo.AggregationCursor>;
}

export interface MarkableQuery {
  model?: Model<unknown>;
  op?: string;
  /** What the query talks to when it is executed. `clone()` and `toConstructor()` take it along. */
  mongooseCollection: NativeCollection;
  options?: Record<string, unknown>;
  _mongooseOptions?: { populate?: Record<string, PopulatePath> };
}

/** One path to populate; its `options` become those of the query that Mongoose makes for it. */
export interface PopulatePath {
  path: string;
  options?: Record<string, unknown>;
  /** Paths to populate in what was populated. */
  populate?: string | PopulatePath | (string | PopulatePath)[];
}

export interface MarkableAggregate {
  _model?: Model<unknown>;
  options?: { cursor?: unknown };
  exec(): Promise<unknown>;
}

type Prototype = Record<string, unknown>;

export const queryPrototype = (base: Mongoose): Prototype => base.Query.prototype as unknown as Prototype;
export const aggregatePrototype = (base: Mongoose): Prototype =>
  base.Aggregate.prototype as unknown as Prototype;

export const bsonOf = (base: Mongoose): typeof mongo.BSON => base.mongo.BSON;

/** Undefined until the connection has been opened. */
export const clientOf = (connection: Connection): mongo.MongoClient | undefined =>
  (connection as unknown as { client?: mongo.MongoClient | null }).client ?? undefined;

/** By the application, as with `close` or `removeDb`; a connection that was lost is another matter. */
export const wasClosed = (connection: Connection): boolean =>
  Boolean((connection as unknown as { _closeCalled?: boolean })._closeCalled);

/** Connections to other databases over the same client (`useDb`), in both directions. */
export const siblingsOf = (connection: Connection): readonly Connection[] =>
  (connection as unknown as { otherDbs?: readonly Connection[] }).otherDbs ?? [];

export const nativeCollections = (connection: Connection): readonly NativeCollection[] =>
  Object.values(connection.collections) as unknown as NativeCollection[];

/** What a plugin needs of a schema. */
export interface PluggableSchema {
  pre(operations: readonly string[], hook: (this: MarkableQuery) => void): unknown;
  statics: Record<string, ((...args: unknown[]) => unknown) | undefined>;
}

export const isSchema = (schema: unknown): schema is PluggableSchema =>
  isObject(schema) && Boolean(schema.instanceOfSchema);

/** Models of a collection in a steady order: the ones of discriminators after their base. */
export const modelsOn = (collection: NativeCollection): readonly Model<unknown>[] =>
  Object.values(collection.conn.models)
    .filter((model) => (model.collection as unknown) === collection)
    .sort((one, other) => order(one).localeCompare(order(other)));

const order = (model: Model<unknown>): string =>
  `${(model as { baseModelName?: string }).baseModelName === undefined ? 0 : 1} ${model.modelName}`;

/** Tells of every connection that this Mongoose makes. */
export const eventsOf = (base: Mongoose): NodeJS.EventEmitter =>
  (base as unknown as { events: NodeJS.EventEmitter }).events;

export const isMongoose = (target: unknown): target is Mongoose =>
  isObject(target) && Array.isArray(target.connections) && typeof target.Query === 'function';

export const isConnection = (target: unknown): target is Connection =>
  isObject(target) && isObject(target.collections) && isMongoose(target.base);

const isObject = (value: unknown): value is Record<string, unknown> =>
  (typeof value === 'object' || typeof value === 'function') && value !== null;
