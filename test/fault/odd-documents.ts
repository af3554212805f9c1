import type { Lots } from './load.js';

/** BSON by its bytes: documents that no driver would write. */
export function bson(...members: readonly Buffer[]): Buffer {
  const body = Buffer.concat(members);
  return Buffer.concat([int32(body.length + 5), body, Buffer.of(0)]);
}

export function member(type: number, name: string | Buffer, ...value: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.of(type), Buffer.from(name), Buffer.of(0), ...value]);
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}

function hex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}

function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int32(bytes.length + 1), bytes, Buffer.of(0)]);
}

function binary(subtype: number, bytes: Buffer): Buffer {
  return Buffer.concat([int32(bytes.length), Buffer.of(subtype), bytes]);
}

const ID = hex('0123456789abcdef01234567');

/** Values of every type there is or was, with their types. */
const VALUES: readonly (readonly [type: number, value: Buffer])[] = [
  ...['0000000000000080', '000000000000f87f', '010000000000f47f', '000000000000f0ff', '0100000000000000'].map(
    (bits) => [0x01, hex(bits)] as const,
  ),
  ...['', 'Blüte 🌷', 'a\0b', '$where', Buffer.of(0xff, 0xfe, 0x80), Buffer.of(0x61, 0xc3)].map(
    (value) => [0x02, text(value)] as const,
  ),
  [0x03, bson()],
  [0x04, bson()],
  // Arrays whose places are named otherwise.
  [0x04, bson(member(0x10, '7', int32(1)), member(0x10, 'x', int32(2)))],
  ...[0, 1, 3, 4, 5, 6, 7, 128, 255].map(
    (subtype) => [0x05, binary(subtype, Buffer.alloc(16, subtype))] as const,
  ),
  [0x05, binary(2, Buffer.concat([int32(3), hex('010203')]))],
  [0x06, Buffer.alloc(0)],
  [0x07, ID],
  [0x08, Buffer.of(0)],
  [0x08, Buffer.of(1)],
  [0x09, hex('0000000000000080')],
  [0x09, hex('ffffffffffffff7f')],
  [0x0a, Buffer.alloc(0)],
  [0x0b, Buffer.from('^a"b\\/\0imsx\0')],
  [0x0b, Buffer.from('\0\0')],
  [0x0c, Buffer.concat([text('shop.roses'), ID])],
  [0x0d, text('function () { return "\\""; }')],
  [0x0e, text('symbol')],
  [0x0f, scoped('x()', bson(member(0x10, '10', int32(1)), member(0x10, '2', int32(2))))],
  [0x10, int32(-1)],
  [0x11, hex('0100000002000000')],
  [0x12, hex('ffffffffffffff7f')],
  [0x13, hex('0000000000000000000000000000007c')],
  [0x13, hex('00000000000000000000000000000080')],
  [0x13, hex('ffffffffffffffffffffffffffffffff')],
  [0x7f, Buffer.alloc(0)],
  [0xff, Buffer.alloc(0)],
];

function scoped(code: string, scope: Buffer): Buffer {
  const inner = Buffer.concat([text(code), scope]);
  return Buffer.concat([int32(inner.length + 4), inner]);
}

const NAMES: readonly (string | Buffer)[] = [
  'a',
  'b',
  '10',
  '2',
  '',
  '$set',
  'a.b',
  '.',
  'ü',
  '__proto__',
  'toString',
  'documents',
  Buffer.of(0xfe, 0xff),
];

/** A document with an `_id` of its own and anything else: names twice, names like numbers, types of long ago. */
export function oddDocument(lots: Lots, id: number): Buffer {
  return bson(member(0x10, '_id', int32(id)), ...oddMembers(lots, 4));
}

function oddMembers(lots: Lots, depth: number): Buffer[] {
  return Array.from({ length: lots.below(6) }, () => {
    const name = lots.of(NAMES);
    if (depth > 0 && lots.below(4) === 0) return member(0x03, name, bson(...oddMembers(lots, depth - 1)));
    const [type, value] = lots.of(VALUES);
    return member(type, name, value);
  });
}

/** Every value once, each in a document of its own. */
export function everyValue(from: number): Buffer[] {
  return VALUES.map(([type, value], index) =>
    bson(
      member(0x10, '_id', int32(from + index)),
      member(type, 'v', value),
      member(0x04, 'w', bson(member(type, '0', value))),
    ),
  );
}

/** As large as the server takes. */
export function largestDocument(id: number): Buffer {
  const around = bson(member(0x10, '_id', int32(id)), member(0x05, 'v', binary(0, Buffer.alloc(0)))).length;
  const filling = Buffer.alloc(16 * 1024 * 1024 - around, 0xa5);
  return bson(member(0x10, '_id', int32(id)), member(0x05, 'v', binary(0, filling)));
}
