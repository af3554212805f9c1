import type { DocumentListener } from '../archive/archive-namespace.js';
import type { OplogTime } from './oplog-entry.js';
import { OplogReading } from './oplog-reading.js';

/** The log that was captured with a dump: what was written to the server while it was read. */
export interface OplogSummary {
  /** Of its first entry, written before the dump began to read. */
  readonly from: OplogTime;
  /** Of its last entry: with the log, the backup is the server as it was then. */
  readonly to: OplogTime;
  readonly entries: number;
  readonly bytes: number;
  /** CRC-64/XZ over its entries, 16 hex digits. */
  readonly crc64: string;
  /** Where it begins in its archive. Absent where something follows it. */
  readonly at?: number;
  /** Why it can't be replayed, where it can't. */
  readonly obstacle?: string;
}

/** Reads the captured log while an archive passes. */
export class OplogListener implements DocumentListener {
  private readonly parts: Buffer[] = [];
  private reading: OplogReading | undefined;
  private obstacle: string | undefined;

  /**
   * @param begin called at the first entry, when all that the archive declares is known
   * @param tell told of every entry
   */
  constructor(
    private readonly begin: () => OplogReading,
    private readonly tell: (entry: Buffer) => void = () => undefined,
  ) {}

  document(bytes: Buffer): void {
    this.reading ??= this.begin();
    try {
      this.reading.read(bytes);
    } catch (error) {
      this.obstacle ??= (error as Error).message;
    }
    this.tell(bytes);
  }

  part(bytes: Buffer, isLast: boolean): void {
    this.parts.push(Buffer.from(bytes));
    if (isLast) this.document(Buffer.concat(this.parts.splice(0)));
  }

  /** Once all has passed. Undefined for a log without an entry. */
  result(): Pick<OplogSummary, 'from' | 'to' | 'entries' | 'obstacle'> | undefined {
    const { reading } = this;
    if (!reading?.from || !reading.to) return undefined;
    try {
      reading.end();
    } catch (error) {
      this.obstacle ??= (error as Error).message;
    }
    const { from, to, entries } = reading;
    return { from, to, entries, ...(this.obstacle === undefined ? {} : { obstacle: this.obstacle }) };
  }
}
