import { Transform, type TransformCallback } from 'node:stream';
import { readFlatDocument } from './flat-document.js';

const MAGIC_BYTES = 4;
const TERMINATOR = 0xffffffff;

/** Which namespace, and its options and indexes as canonical Extended JSON. Gives what is to stand there instead. */
export type MetadataEdit = (namespace: { database: string; collection: string }, metadata: string) => string;

/**
 * Changes what an archive says about options and indexes on its way to the engine, and nothing else. Only for
 * archives that were proved: their checksums don't cover it.
 */
export class PreludeEdit extends Transform {
  private held: Buffer = Buffer.alloc(0);
  private at = MAGIC_BYTES;
  private headers = 0;
  private readonly out: Buffer[] = [];
  private isOver = false;

  /** @param withLog false: the log of a replica set is not declared */
  constructor(
    private readonly edit: MetadataEdit,
    private readonly withLog = true,
  ) {
    super();
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    if (this.isOver) {
      done(null, chunk);
      return;
    }
    this.held = Buffer.concat([this.held, chunk]);
    this.advance();
    if (this.isOver) this.release();
    done();
  }

  override _flush(done: TransformCallback): void {
    if (!this.isOver) this.release();
    done();
  }

  private advance(): void {
    while (this.held.length - this.at >= 4) {
      const length = this.held.readUInt32LE(this.at);
      if (length === TERMINATOR) {
        this.isOver = true;
        return;
      }
      if (this.held.length - this.at < length) return;
      const piece = this.held.subarray(this.at, this.at + length);
      // The first one is the archive's own header.
      this.out.push(this.headers++ === 0 ? piece : this.changed(piece));
      this.at += length;
    }
  }

  private release(): void {
    this.push(Buffer.concat([this.held.subarray(0, MAGIC_BYTES), ...this.out, this.held.subarray(this.at)]));
    this.held = Buffer.alloc(0);
  }

  private changed(piece: Buffer): Buffer {
    const fields = readFlatDocument(piece);
    const namespace = { database: String(fields.get('db')), collection: String(fields.get('collection')) };
    const before = fields.get('metadata');
    if (!this.withLog && namespace.database === '') return Buffer.alloc(0);
    const after = this.edit(namespace, String(before));
    if (after === before) return piece;
    return replaced(piece, String(before), after);
  }
}

/** The document with another text for its field `metadata`. */
function replaced(piece: Buffer, before: string, after: string): Buffer {
  const name = Buffer.from('\x02metadata\0');
  const at = piece.indexOf(Buffer.concat([name, stringOf(before)]));
  const end = at + name.length + stringOf(before).length;
  const document = Buffer.concat([piece.subarray(0, at), name, stringOf(after), piece.subarray(end)]);
  document.writeUInt32LE(document.length, 0);
  return document;
}

function stringOf(text: string): Buffer {
  const bytes = Buffer.from(`${text}\0`);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([length, bytes]);
}
