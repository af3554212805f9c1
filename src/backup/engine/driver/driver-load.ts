import { Writable } from 'node:stream';
import { ArchiveDocuments } from '../../archive/archive-documents.js';
import type { FlatDocument } from '../../archive/flat-document.js';
import { BackupError, TargetNotEmptyError } from '../../backup.errors.js';
import type { LoadSelection } from '../dump-engine.js';
import { scrub } from '../scrub.js';
import { type DriverError, indexFailure } from '../server-failure.js';
import { atOnce } from './at-once.js';
import type { Client } from './driver-connection.js';
import { type LoadedNamespace, namespaceOf } from './loaded-namespace.js';
import { RawDocuments } from './raw-documents.js';

/** A batch goes when it has so much of either; the driver has room for 17 MiB, which the largest document needs. */
const BATCH_BYTES = 2 * 1024 * 1024;
const BATCH_DOCUMENTS = 10_000;
/** How many batches are on their way at once. */
const AT_ONCE = 4;
const NAMESPACE_EXISTS = 48;

/**
 * Writes an archive's chosen namespaces to the server: each is made with its options, its documents are written as
 * the bytes they are, and its indexes are built when all documents are in, so that none expires meanwhile.
 */
export class DriverLoad extends Writable {
  /** Documents that the server has taken. */
  written = 0;
  private readonly archive = new ArchiveDocuments({
    declared: (namespaces) => this.declare(namespaces),
    block: (database, collection, isEnd) => {
      this.open = this.chosen.get(`${database}.${collection}`);
      // One that is over must not hold the room for a batch: there may be thousands.
      if (isEnd && this.open) this.close(this.open);
    },
    document: (bytes) => this.add(bytes),
  });
  /** By database and collection of their blocks. */
  private readonly chosen = new Map<string, LoadedNamespace>();
  private readonly toMake: LoadedNamespace[] = [];
  private open: LoadedNamespace | undefined;
  /** Full, in the order in which they are to be sent. */
  private full: { readonly to: LoadedNamespace; readonly documents: RawDocuments }[] = [];
  private readonly underway = new Set<Promise<void>>();
  /** What is done with the last bytes that came. */
  private at: Promise<void> = Promise.resolve();

  constructor(
    private readonly client: Client,
    private readonly selection: LoadSelection,
  ) {
    super({ highWaterMark: 1024 * 1024 });
  }

  override _write(chunk: Buffer, _: BufferEncoding, taken: (error?: Error) => void): void {
    this.at = this.take(chunk);
    this.at.then(() => taken(), taken);
  }

  override _final(ended: (error?: Error) => void): void {
    this.at = this.finish();
    this.at.then(() => ended(), ended);
  }

  /** It is over only when nothing is on its way to the server: what arrives late would come back after its removal. */
  override _destroy(reason: Error | null, over: (reason: Error | null) => void): void {
    void Promise.allSettled([this.at, ...this.underway]).then(() => over(reason));
  }

  private async take(chunk: Buffer): Promise<void> {
    this.archive.write(chunk);
    await this.makeCollections();
    await this.sendFull();
  }

  private async finish(): Promise<void> {
    this.archive.end();
    await this.makeCollections();
    await this.sendFull();
    await Promise.all(this.underway);
    await atOnce(AT_ONCE, [...this.chosen.values()], (namespace) => this.buildIndexes(namespace));
  }

  private declare(namespaces: readonly FlatDocument[]): void {
    for (const declared of namespaces) {
      const namespace = namespaceOf(declared, this.selection);
      if (!namespace) continue;
      this.chosen.set(`${namespace.source}.${namespace.dataSource}`, namespace);
      this.toMake.push(namespace);
    }
  }

  /** Before any document of theirs is sent. */
  private async makeCollections(): Promise<void> {
    await atOnce(AT_ONCE, this.toMake.splice(0), async ({ database, collection, create }) => {
      this.goOn();
      const db = this.client.db(database);
      // Newer servers make the same collection twice without a word.
      const isThere = await db.listCollections({ name: collection }, { nameOnly: true }).hasNext();
      if (isThere) throw new TargetNotEmptyError([`${database}.${collection}`]);
      await db.command(create).catch((error: DriverError) => {
        throw error.code === NAMESPACE_EXISTS
          ? new TargetNotEmptyError([`${database}.${collection}`])
          : error;
      });
    });
  }

  private add(bytes: Buffer): void {
    const to = this.open;
    if (!to) return;
    to.documents ??= new RawDocuments(BATCH_BYTES);
    // The largest document, alone, may be a batch of its own.
    if (to.documents.count > 0 && to.documents.bytes + bytes.length > BATCH_BYTES) this.close(to);
    to.documents ??= new RawDocuments(BATCH_BYTES);
    to.documents.add(bytes);
    if (to.documents.count >= BATCH_DOCUMENTS) this.close(to);
  }

  private goOn(): void {
    if (this.destroyed) throw new Error('It was stopped');
  }

  private close(to: LoadedNamespace): void {
    const { documents } = to;
    to.documents = undefined;
    if (documents) this.full.push({ to, documents });
  }

  private async sendFull(): Promise<void> {
    for (const { to, documents } of this.full.splice(0)) {
      while (this.underway.size >= AT_ONCE) await Promise.race(this.underway);
      // In a capped collection the order of documents is part of what they say.
      if (to.isOrdered) await to.last;
      this.goOn();
      const sent = this.send(to, documents);
      to.last = sent;
      this.underway.add(sent);
      sent.then(
        () => this.underway.delete(sent),
        (error: Error) => this.destroy(error),
      );
    }
  }

  private async send(to: LoadedNamespace, documents: RawDocuments): Promise<void> {
    const { n, writeErrors } = (await this.client.db(to.database).command({
      insert: to.data,
      documents,
      ordered: true,
      writeConcern: { w: 'majority' },
      ...(this.selection.unchecked ? { bypassDocumentValidation: true } : {}),
    })) as { n: number; writeErrors?: { errmsg?: string }[] };
    this.written += n;
    const [error] = writeErrors ?? [];
    if (error || n !== documents.count) throw notWritten(to, error?.errmsg ?? 'the server took fewer');
  }

  private async buildIndexes({ database, collection, indexes }: LoadedNamespace): Promise<void> {
    if (indexes.length === 0) return;
    this.goOn();
    await this.client
      .db(database)
      .command({ createIndexes: collection, indexes, writeConcern: { w: 'majority' } })
      .catch((error: DriverError) => {
        throw indexFailure(`${database}.${collection}`, error);
      });
  }
}

function notWritten({ database, collection }: LoadedNamespace, reason: string): BackupError {
  return new BackupError('RESTORE_MISMATCH', {
    problem: `Documents of ${database}.${collection} could not be written: ${scrub(reason, [])}`,
  });
}
