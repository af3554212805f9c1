import type { Connection } from 'mongoose';
import { callBehind, putInFront, takeAway, type Methods } from './methods-in-front.js';
import { clientOf, nativeCollections, siblingsOf } from './mongoose-internals.js';
import { forgetDatabase, observeClient, observeDatabase } from './observed-client.js';
import { forgetCollection, observeCollection } from './observed-collection.js';
import { populatedReads } from './populated-queries.js';
import { addReader, readersOf, removeReader, type Reader } from './reader.js';
import type { WriteObserver } from './write-observers.js';

/** Opening a connection emits both, the first one before its collections get theirs from the driver. */
const OPENING = ['connected', 'open'] as const;

const methods: Methods = {
  useDb(this: Connection, ...args: unknown[]) {
    const sibling = callBehind<Connection>(this, 'useDb', args);
    for (const { onSibling } of readersOf(this)) onSibling(sibling);
    return sibling;
  },
  collection(this: Connection, ...args: unknown[]) {
    const collection = callBehind<object>(this, 'collection', args);
    putInFront(collection, populatedReads);
    return collection;
  },
};

/** One connection that is attached: its queries are answered by `reader`, the writes of its client are observed. */
export class AttachedConnection {
  readonly #onOpening = () => this.#observe();
  #endObserving: (() => void) | undefined;

  constructor(
    private readonly connection: Connection,
    private readonly reader: Reader,
    private readonly onWrites: WriteObserver,
  ) {}

  begin(): void {
    const { connection, reader } = this;
    addReader(connection, reader);
    for (const event of OPENING) connection.on(event, this.#onOpening);
    putInFront(connection, methods);
    for (const collection of nativeCollections(connection)) putInFront(collection, populatedReads);
    this.#observe();
    for (const sibling of siblingsOf(connection)) reader.onSibling(sibling);
  }

  end(): void {
    const { connection, reader } = this;
    removeReader(connection, reader);
    for (const event of OPENING) connection.off(event, this.#onOpening);
    this.#endObserving?.();
    if (readersOf(connection).length > 0) return;
    takeAway(connection, methods);
    if (connection.db) forgetDatabase(connection.db);
    for (const native of nativeCollections(connection)) {
      takeAway(native, populatedReads);
      if (native.collection) forgetCollection(native.collection);
    }
  }

  /** As soon as there is a client; a connection that was closed and opened anew has another one. */
  #observe(): void {
    const { connection } = this;
    const client = clientOf(connection);
    if (!client) return;
    this.#endObserving?.();
    this.#endObserving = observeClient(client, this.onWrites);
    if (connection.db) observeDatabase(connection.db);
    for (const { collection } of nativeCollections(connection)) if (collection) observeCollection(collection);
  }
}
