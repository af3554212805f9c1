import { BackupError } from '../backup.errors.js';
import { type FlatDocument, readFlatDocument } from './flat-document.js';

const TERMINATOR = 0xffffffff;

/** Told what an archive holds, in its order. */
export interface ArchiveListener {
  /** Once, before all documents: the metadata document of each namespace. */
  declared(namespaces: readonly FlatDocument[]): void;
  /**
   * A block begins: the documents that follow are of this namespace, by the name that its data has.
   *
   * @param isEnd there are no more of it
   */
  block(database: string, collection: string, isEnd: boolean): void;
  /** The bytes are the listener's only until it returns. */
  document(bytes: Buffer): void;
}

/**
 * Reads the documents out of an archive that was proved by others: here only what would make the reading itself go
 * wrong is an error. It holds a document at most.
 */
export class ArchiveDocuments {
  private place: 'magic' | 'prelude' | 'block' | 'documents' = 'magic';
  private readonly declared: FlatDocument[] = [];
  private held: Buffer[] = [];
  private heldBytes = 0;
  private wanted = 4;

  constructor(private readonly listener: ArchiveListener) {}

  /** @throws BackupError ARCHIVE_INVALID */
  write(chunk: Buffer): void {
    if (this.heldBytes + chunk.length < this.wanted) {
      this.hold(chunk);
      return;
    }
    const bytes = this.held.length === 0 ? chunk : Buffer.concat([...this.held, chunk]);
    this.held = [];
    this.heldBytes = 0;
    let at = 0;
    for (;;) {
      const left = bytes.length - at;
      this.wanted = left < 4 ? 4 : this.lengthAt(bytes, at);
      if (left < this.wanted) break;
      this.piece(bytes.subarray(at, at + this.wanted));
      at += this.wanted;
    }
    if (at < bytes.length) this.hold(bytes.subarray(at));
  }

  /** @throws BackupError ARCHIVE_INVALID */
  end(): void {
    if (this.place !== 'block' || this.heldBytes > 0) throw invalid('it stops in the middle');
  }

  private hold(bytes: Buffer): void {
    this.held.push(bytes);
    this.heldBytes += bytes.length;
  }

  /** A word by itself, or a document, which begins with its length. */
  private lengthAt(bytes: Buffer, at: number): number {
    const word = bytes.readUInt32LE(at);
    if (word === TERMINATOR || this.place === 'magic') return 4;
    if (word < 5 || word > LARGEST) throw invalid(`a document claims ${word} bytes`);
    return word;
  }

  private piece(bytes: Buffer): void {
    if (this.place === 'documents' && bytes.length > 4) this.listener.document(bytes);
    else if (this.place === 'magic') this.place = 'prelude';
    else if (bytes.length === 4) this.terminated();
    else if (this.place === 'prelude') this.declared.push(readFlatDocument(bytes));
    else {
      const header = readFlatDocument(bytes);
      const isEnd = header.get('EOF') === true;
      this.listener.block(String(header.get('db')), String(header.get('collection')), isEnd);
      this.place = 'documents';
    }
  }

  private terminated(): void {
    // The first document of the prelude is about the archive itself.
    if (this.place === 'prelude') this.listener.declared(this.declared.slice(1));
    this.place = 'block';
  }
}

/** 16 MiB, and 16 KiB more for entries of an oplog. */
const LARGEST = 16 * 1024 * 1024 + 16 * 1024;

function invalid(problem: string): BackupError {
  return new BackupError('ARCHIVE_INVALID', { problem: `This is no complete mongodump archive, ${problem}` });
}
