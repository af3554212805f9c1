import type { NamespaceType } from './archive-summary.js';
import { Crc64 } from './crc64.js';
import { type FlatValue, writeFlatDocument } from './flat-document.js';

export const MAGIC = 0x8199e26d;
const TERMINATOR = Buffer.alloc(4, 0xff);

export interface DeclaredNamespace {
  readonly database: string;
  readonly collection: string;
  readonly type: NamespaceType;
  /** Where its documents are kept: `system.buckets.NAME` for a time series, else its own name. */
  readonly dataCollection: string;
  /** Options and indexes as canonical Extended JSON. */
  readonly metadata: string;
}

/** What an archive begins with: who made it, and all that it is going to hold. */
export function archivePrelude(
  made: { readonly concurrency: number; readonly serverVersion: string; readonly toolVersion: string },
  namespaces: readonly DeclaredNamespace[],
): Buffer {
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(MAGIC);
  const header = writeFlatDocument({
    concurrent_collections: made.concurrency,
    version: '0.1',
    server_version: made.serverVersion,
    tool_version: made.toolVersion,
  });
  const declared = namespaces.map(({ database, collection, metadata, type }) =>
    writeFlatDocument({ db: database, collection, metadata, size: 0, type }),
  );
  return Buffer.concat([magic, header, ...declared, TERMINATOR]);
}

/** The blocks of one namespace: some with documents, between which those of others may stand, and one that ends it. */
export class NamespaceBlocks {
  private readonly begin: Buffer;
  private readonly crc = new Crc64();

  constructor(private readonly namespace: DeclaredNamespace) {
    this.begin = this.header({ EOF: false, CRC: 0n });
  }

  /**
   * A block of documents, in memory of its own, so that it can be moved to another thread.
   *
   * @param bytes how long the documents are together
   * @param copy puts them, one after the other, into the target
   */
  documents(bytes: number, copy: (target: Buffer, at: number) => void): Buffer {
    const from = this.begin.length;
    const block = Buffer.allocUnsafeSlow(from + bytes + TERMINATOR.length);
    block.set(this.begin);
    copy(block, from);
    block.set(TERMINATOR, from + bytes);
    this.crc.update(block.subarray(from, from + bytes));
    return block;
  }

  /** The last one: it carries the checksum of all documents. */
  end(): Buffer {
    const header = this.header({ EOF: true, CRC: BigInt.asIntN(64, this.crc.value()) });
    return Buffer.concat([header, TERMINATOR]);
  }

  private header(rest: Readonly<Record<string, FlatValue>>): Buffer {
    const { database, dataCollection } = this.namespace;
    return writeFlatDocument({ db: database, collection: dataCollection, ...rest });
  }
}
