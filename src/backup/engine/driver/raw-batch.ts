/** Documents of a cursor's reply as the bytes that came, none of them decoded. */
export class RawBatch {
  /** How long all documents are together. */
  readonly bytes: number;
  private readonly starts: number[] = [];

  /** @param array a BSON array of documents */
  constructor(private readonly array: Buffer) {
    let sum = 0;
    let at = 4;
    while (array[at] !== 0) {
      at++; // the type: a cursor gives documents only
      while (array[at] !== 0) at++; // the name: its number
      at++;
      this.starts.push(at);
      const length = array.readInt32LE(at);
      sum += length;
      at += length;
    }
    this.bytes = sum;
  }

  get count(): number {
    return this.starts.length;
  }

  /** Puts the documents one after the other into a target. */
  copy(target: Buffer, at: number): void {
    const { array } = this;
    for (const start of this.starts) {
      const end = start + array.readInt32LE(start);
      array.copy(target, at, start, end);
      at += end - start;
    }
  }

  documents(): Buffer[] {
    return this.starts.map((start) => this.array.subarray(start, start + this.array.readInt32LE(start)));
  }
}

/** The member `cursor` of a reply to find, getMore, listCollections or listIndexes. */
export interface CursorReply {
  /** 0 when there is no more. */
  readonly id: bigint;
  /** `database.collection`, for the next question. */
  readonly namespace: string;
  readonly batch: RawBatch;
}

/** @param bytes a BSON document */
export function readCursorReply(bytes: Uint8Array): CursorReply {
  const cursor = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let found: { id?: bigint; namespace?: string; batch?: RawBatch } = {};
  let at = 4;
  while (cursor[at] !== 0) {
    const type = cursor[at];
    const nameEnd = cursor.indexOf(0, at + 1);
    const name = cursor.toString('latin1', at + 1, nameEnd);
    const value = nameEnd + 1;
    const size = sizeOf(cursor, type, value);
    if (name === 'id') found = { ...found, id: cursor.readBigInt64LE(value) };
    else if (name === 'ns')
      found = { ...found, namespace: cursor.toString('utf8', value + 4, value + size - 1) };
    else if (name === 'firstBatch' || name === 'nextBatch')
      found = { ...found, batch: new RawBatch(cursor.subarray(value, value + size)) };
    at = value + size;
  }
  const { id, namespace, batch } = found;
  if (id === undefined || namespace === undefined || batch === undefined)
    throw new Error('The server answered with something else than a cursor');
  return { id, namespace, batch };
}

function sizeOf(bytes: Buffer, type: number | undefined, at: number): number {
  if (type === 0x02) return 4 + bytes.readInt32LE(at);
  if (type === 0x03 || type === 0x04) return bytes.readInt32LE(at);
  if (type === 0x05) return 5 + bytes.readInt32LE(at);
  if (type === 0x08) return 1;
  if (type === 0x10) return 4;
  if (type === 0x11 || type === 0x12) return 8;
  throw new Error(`The server answered with a cursor that holds a value of type ${type}`);
}
