import mongoose from 'mongoose';
import { BackupError } from '../../backup.errors.js';

const { BSON } = mongoose.mongo;

/** The only member that it is ever used as: see `serializeInto`. */
const MEMBER = 'documents';
const ARRAY = 0x04;
const DOCUMENT = 0x03;

/**
 * An array of documents for a command, gathered as bytes and sent as they are: none is decoded, so none is changed.
 *
 * The driver takes no bytes for documents. But it lets an ObjectId write itself, and this is one that writes an array
 * over its own type; `checkRawDocuments` makes sure that the driver at hand lets it.
 */
export class RawDocuments extends BSON.ObjectId {
  count = 0;
  private buffer: Buffer;
  private length = 4;

  /** @param expected bytes to make room for */
  constructor(expected: number) {
    super(NO_ID);
    this.buffer = Buffer.allocUnsafe(expected);
  }

  get bytes(): number {
    return this.length;
  }

  add(document: Buffer): void {
    const name = String(this.count++);
    this.makeRoom(name.length + document.length + 3);
    this.buffer[this.length++] = DOCUMENT;
    this.length += this.buffer.write(name, this.length, 'latin1');
    this.buffer[this.length++] = 0;
    this.length += document.copy(this.buffer, this.length);
  }

  /** Called by the driver where the twelve bytes of an id would go, when the type and the name are written. */
  serializeInto(target: Uint8Array, at: number): number {
    target[at - MEMBER.length - 2] = ARRAY;
    this.buffer[this.length] = 0;
    this.buffer.writeInt32LE(this.length + 1, 0);
    target.set(this.buffer.subarray(0, this.length + 1), at);
    return this.length + 1;
  }

  private makeRoom(bytes: number): void {
    const needed = this.length + bytes;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}

const NO_ID = new Uint8Array(12);

/** @throws BackupError TOOL_FAILED when the driver doesn't send raw documents as they are */
export function checkRawDocuments(): void {
  const documents = [{ a: 1 }, { _id: new BSON.ObjectId(), b: ['ü'] }];
  const expected = Buffer.from(BSON.serialize({ insert: 'c', [MEMBER]: documents, ordered: true }));
  const raw = new RawDocuments(16);
  for (const document of documents) raw.add(Buffer.from(BSON.serialize(document)));
  let written: Uint8Array | undefined;
  try {
    written = BSON.serialize({ insert: 'c', [MEMBER]: raw, ordered: true });
  } catch {
    // told below
  }
  if (written && expected.equals(written)) return;
  throw new BackupError('TOOL_FAILED', {
    problem: `The MongoDB driver of Mongoose ${mongoose.version} does not send documents as they are`,
    advice: "restore with the engine 'mongodump'",
  });
}
