import { BackupError } from '../backup.errors.js';
import { OplogCatalogue } from '../oplog/oplog-catalogue.js';
import { OplogListener } from '../oplog/oplog-listener.js';
import { OplogReading } from '../oplog/oplog-reading.js';
import type { ArchiveCounts } from '../progress.js';
import { type DocumentListener, type NamespaceTally, NamespaceTallies } from './archive-namespace.js';
import type { ArchiveSummary } from './archive-summary.js';
import { type FlatDocument, readFlatDocument } from './flat-document.js';

const MAGIC = 0x8199e26d;
const TERMINATOR = 0xffffffff;
/** 16 MiB is the largest document; those of an oplog may be 16 KiB larger. */
const LARGEST = 16 * 1024 * 1024 + 16 * 1024;

/** What the next bytes belong to. */
type Place = 'magic' | 'header' | 'prelude' | 'block' | 'documents';

/**
 * Reads a `mongodump --archive` stream (format 0.1) of any length in constant memory: walks every document, counts
 * and checksums each namespace, and compares with the checksums that the archive itself carries.
 *
 * The format: magic, a header, one metadata document per namespace and a terminator; then blocks of a namespace
 * header, documents and a terminator, interleaved between namespaces; each namespace ends with one EOF header that
 * carries its CRC. Nothing follows the last block.
 */
export class ArchiveReader {
  private documents = 0;
  private bytes = 0;
  private place: Place = 'magic';
  private offset = 0;
  private readonly held = new Held();
  /** Bytes still to come of a document that spans chunks. */
  private passing = 0;
  private header: FlatDocument = new Map();
  private readonly namespaces: NamespaceTallies;
  private readonly oplog: OplogListener;
  /** Where the log begins, while nothing has followed it. */
  private oplogAt: number | undefined;
  private oplogEnded = false;
  private open: NamespaceTally | undefined;

  /**
   * @param listen who is told of the documents of a namespace, where anybody is
   * @param tell told of every entry of the log, where one was captured
   */
  constructor(
    listen: (namespace: NamespaceTally) => DocumentListener | undefined = () => undefined,
    tell?: (entry: Buffer) => void,
  ) {
    this.oplog = new OplogListener(
      () => new OplogReading(new OplogCatalogue(this.collections().map((tally) => tally.result()))),
      tell,
    );
    this.namespaces = new NamespaceTallies((tally) => (tally.isOplog ? this.oplog : listen(tally)));
  }

  /** @throws BackupError ARCHIVE_INVALID as soon as the bytes can't be those of an archive */
  write(chunk: Buffer): void {
    try {
      let at = 0;
      while (at < chunk.length) {
        if (this.passing > 0) at = this.pass(chunk, at);
        else if (this.place === 'documents' && this.held.empty && chunk.length - at >= 4)
          at = this.walk(chunk, at);
        else at = this.gather(chunk, at);
      }
      this.offset += chunk.length;
    } catch (error) {
      throw this.invalid((error as Error).message);
    }
  }

  /** @throws BackupError ARCHIVE_INVALID when the archive isn't whole */
  end(): ArchiveSummary {
    if (this.place !== 'block' || !this.held.empty) throw this.invalid('it stops in the middle');
    const tallies = this.namespaces.all();
    const unclosed = tallies.filter(({ closed }) => !closed);
    if (unclosed.length > 0) throw this.invalid(`${unclosed.length} of its namespaces have no end`);
    const oplog = this.oplogSummary();
    return {
      serverVersion: String(this.header.get('server_version') ?? ''),
      toolVersion: String(this.header.get('tool_version') ?? ''),
      namespaces: this.collections().map((tally) => tally.result()),
      ...(oplog ? { oplog } : {}),
    };
  }

  /** What was seen so far: for progress. */
  counts(): ArchiveCounts {
    const tallies = this.collections();
    const running = tallies.filter(({ begun, closed }) => begun && !closed);
    return {
      documents: this.documents,
      bytes: this.bytes,
      namespace: this.open?.name,
      running: running.map(({ name, documents, bytes }) => ({ namespace: name, documents, bytes })),
      done: tallies.filter(({ closed }) => closed).length,
      all: tallies.length,
    };
  }

  private collections(): readonly NamespaceTally[] {
    return this.namespaces.all().filter(({ isOplog }) => !isOplog);
  }

  private oplogSummary(): ArchiveSummary['oplog'] {
    const tally = this.namespaces.all().find(({ isOplog }) => isOplog);
    if (!tally) return undefined;
    const found = this.oplog.result();
    if (!found) throw this.invalid('its log is empty');
    const { bytes, crc64 } = tally.result();
    return { ...found, bytes, crc64, ...(this.oplogEnded ? {} : { at: this.oplogAt! }) };
  }

  /** The documents of this chunk, with one checksum over the run of them. */
  private walk(chunk: Buffer, start: number): number {
    let at = start;
    while (chunk.length - at >= 4) {
      const length = chunk.readUInt32LE(at);
      if (length === TERMINATOR) {
        this.count(chunk.subarray(start, at));
        this.place = 'block';
        return at + 4;
      }
      this.beginDocument(length);
      if (chunk.length - at < length) {
        this.passing = length;
        break;
      }
      if (chunk[at + length - 1] !== 0) throw new Error('a document has no end');
      this.open!.listener?.document(chunk.subarray(at, at + length));
      at += length;
    }
    this.count(chunk.subarray(start, at));
    return at;
  }

  /** More of a document that spans chunks. */
  private pass(chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.passing);
    const part = chunk.subarray(at, end);
    this.count(part);
    this.passing -= end - at;
    if (this.passing === 0 && chunk[end - 1] !== 0) throw new Error('a document has no end');
    this.open!.listener?.part(part, this.passing === 0);
    return end;
  }

  /** Collects what must be looked at as a whole: a word of four bytes, or the document that it begins. */
  private gather(chunk: Buffer, at: number): number {
    const taken = this.held.take(chunk, at);
    if (this.held.full) {
      const piece = this.held.bytes();
      const start = this.offset + at + taken - piece.length;
      if (piece.length > 4) this.release(() => this.readDocument(piece, start));
      else this.readWord(piece);
    }
    return at + taken;
  }

  private readWord(piece: Buffer): void {
    const word = piece.readUInt32LE(0);
    if (this.place === 'magic') this.release(() => this.begin(word));
    else if (word === TERMINATOR) this.release(() => this.terminate());
    else if (this.place === 'documents') {
      this.beginDocument(word);
      this.passing = word;
      this.release(() => this.pass(piece, 0));
    } else {
      checkLength(word);
      this.held.wanted = word;
    }
  }

  private release(then: () => void): void {
    this.held.clear();
    then();
  }

  private begin(word: number): void {
    if (word !== MAGIC) throw new Error('it does not begin as one');
    this.place = 'header';
  }

  private terminate(): void {
    if (this.place !== 'prelude' && this.place !== 'documents')
      throw new Error('a terminator stands where a header belongs');
    this.place = 'block';
  }

  private readDocument(piece: Buffer, start: number): void {
    const document = readFlatDocument(piece);
    if (this.place === 'header') {
      if (document.get('version') !== '0.1') throw new Error('its format is not 0.1');
      this.header = document;
      this.place = 'prelude';
    } else if (this.place === 'prelude') this.namespaces.declare(document);
    else this.beginBlock(document, start);
  }

  private beginBlock(header: FlatDocument, start: number): void {
    const tally = this.namespaces.of(header);
    if (tally.isOplog) this.oplogAt ??= start;
    else this.oplogEnded ||= this.oplogAt !== undefined;
    if (header.get('EOF') === true && !tally.close(header.get('CRC')))
      throw new Error(`the checksum of ${tally.name} is wrong`);
    this.open = tally;
    this.place = 'documents';
  }

  private beginDocument(length: number): void {
    checkLength(length);
    if (this.open!.closed) throw new Error(`${this.open!.name} goes on after its end`);
    this.open!.documents++;
    this.documents++;
  }

  private count(bytes: Buffer): void {
    this.open!.add(bytes);
    this.bytes += bytes.length;
  }

  private invalid(problem: string): BackupError {
    return new BackupError('ARCHIVE_INVALID', {
      problem: `This is no complete mongodump archive, ${problem} (near byte ${this.offset})`,
    });
  }
}

function checkLength(length: number): void {
  if (length < 5 || length > LARGEST) throw new Error(`a document claims ${length} bytes`);
}

/** The bytes of a piece that may come in several chunks. */
class Held {
  wanted = 4;
  private parts: Buffer[] = [];
  private length = 0;

  get empty(): boolean {
    return this.length === 0;
  }

  get full(): boolean {
    return this.length === this.wanted;
  }

  take(chunk: Buffer, at: number): number {
    // A copy: the chunk goes on to others, who may hand its memory to another thread before the rest has come.
    const part = Buffer.from(chunk.subarray(at, at + this.wanted - this.length));
    this.parts.push(part);
    this.length += part.length;
    return part.length;
  }

  bytes(): Buffer {
    return this.parts.length === 1 ? this.parts[0]! : Buffer.concat(this.parts);
  }

  clear(): void {
    this.wanted = 4;
    this.parts = [];
    this.length = 0;
  }
}
