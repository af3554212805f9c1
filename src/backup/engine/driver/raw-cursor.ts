import mongoose from 'mongoose';
import type { ReadPreference } from '../dump-engine.js';
import type { Client, Db } from './driver-connection.js';
import { type CursorReply, type RawBatch, readCursorReply } from './raw-batch.js';

const { BSON } = mongoose.mongo;
type Session = ReturnType<Client['startSession']>;

/** About how many bytes are asked for at a time: the server looks ahead while the last ones are worked on. */
const BATCH_BYTES = 1024 * 1024;
const FIRST_BATCH = 500;

/**
 * The documents of a cursor in batches of bytes, the next batch on its way while the last one is worked on. By
 * commands instead of the driver's cursors, which take each document apart from the reply by itself: that costs four
 * times as much.
 *
 * @param command find, listCollections or listIndexes
 */
export async function* rawBatches(
  db: Db,
  command: Readonly<Record<string, unknown>>,
  readPreference?: ReadPreference,
): AsyncGenerator<RawBatch> {
  const isFind = 'find' in command;
  const session = db.client.startSession();
  const ask = async (question: object): Promise<CursorReply> => answer(db, question, session, readPreference);
  try {
    let next: Promise<CursorReply> | undefined = ask(
      isFind ? { ...command, batchSize: FIRST_BATCH } : command,
    );
    while (next) {
      const { id, namespace, batch }: CursorReply = await next;
      next = id === 0n ? undefined : ask(getMore(id, namespace, batch));
      // Whoever fails in between has a reason of its own to tell.
      next?.catch(() => undefined);
      if (batch.count > 0) yield batch;
    }
  } finally {
    await session.endSession();
  }
}

function getMore(id: bigint, namespace: string, { bytes, count }: RawBatch): object {
  const batchSize = Math.max(1, Math.floor((BATCH_BYTES / Math.max(1, bytes)) * count));
  return {
    getMore: BSON.Long.fromBigInt(id),
    collection: namespace.slice(namespace.indexOf('.') + 1),
    ...(count > 0 ? { batchSize } : {}),
  };
}

async function answer(
  db: Db,
  command: object,
  session: Session,
  readPreference: ReadPreference | undefined,
): Promise<CursorReply> {
  const preference = readPreference ?? db.client.options.readPreference;
  const reply = await db.command(command, { raw: true, session, readPreference: preference });
  // `raw` leaves what is nested as bytes.
  return readCursorReply(reply['cursor'] as Uint8Array);
}
