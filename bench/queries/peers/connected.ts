import { createRequire } from 'node:module';
import type { Connection, Mongoose } from 'mongoose';
import { QueryCache, type AnyModel, type AnySchema } from '../../../test/conformance/queries/query-cache.js';

const require = createRequire(import.meta.url);

// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- what a module gives is known to its caller
export const required = <Module>(name: string): Module => require(name) as Module;

const OPTIONS = { monitorCommands: true, autoIndex: false, autoCreate: false };

/** What the peers have in common: all work on the default connection of Mongoose, once in a process. */
export abstract class PeerCache extends QueryCache {
  readonly mongoose = required<Mongoose>('mongoose');

  async connect(uri: string): Promise<Connection> {
    const { mongoose } = this;
    const { ConnectionStates } = mongoose;
    if (mongoose.connection.readyState !== ConnectionStates.disconnected)
      return mongoose.createConnection(uri, OPTIONS).asPromise();
    mongoose.deleteModel(/./);
    await mongoose.connect(uri, OPTIONS);
    return mongoose.connection;
  }

  model(connection: Connection, name: string, schema: AnySchema, collection?: string): AnyModel {
    return connection.model(name, schema, collection);
  }

  async close(): Promise<void> {}
}
