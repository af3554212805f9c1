import fc from 'fast-check';

/** Random BSON written byte by byte: also such as no library would write. */

const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};
const text = (bytes: Uint8Array) => Buffer.concat([int32(bytes.length + 1), bytes, Uint8Array.of(0)]);
const utf8 = (value: string) => Buffer.from(value, 'utf8');
const withoutNul = (bytes: Uint8Array) => bytes.filter((byte) => byte !== 0);

interface Element {
  type: number;
  bytes: Uint8Array;
}
type Named = readonly [name: Uint8Array, element: Element];

export const documentBytes = (members: readonly Named[]): Buffer => {
  const body = members.map(([name, { type, bytes }]) =>
    Buffer.concat([Uint8Array.of(type), withoutNul(name), Uint8Array.of(0), bytes]),
  );
  const length = 4 + body.reduce((sum, one) => sum + one.length, 0) + 1;
  return Buffer.concat([int32(length), ...body, Uint8Array.of(0)]);
};

const ODD_NAMES = '__proto__ constructor toString hasOwnProperty 0 1 -1 00 4294967295 $ref $id $db $x'
  .concat(' ä 🌷 a.b _bsontype length id _id aVeryLongNameThatStandsForAllTheOthers ')
  .split(' ')
  .map(utf8);
const USUAL_NAMES = ['_id', 'name', 'price', 'tags', 'a', 'b', 'c', 'label'].map(utf8);

const nameOf = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...USUAL_NAMES) },
  { weight: 2, arbitrary: fc.constantFrom(...ODD_NAMES) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 9 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 14 }).map(utf8) },
);

const textBytes = fc.oneof(
  { weight: 5, arbitrary: fc.string({ maxLength: 30 }).map(utf8) },
  { weight: 3, arbitrary: fc.string({ unit: 'grapheme', maxLength: 30 }).map(utf8) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 25 }) },
  { weight: 1, arbitrary: fc.constantFrom(utf8('\uFFFD'), utf8('\0'), utf8('a\0b'), utf8('\uFEFFa')) },
);

const fixed = (type: number, length: number): fc.Arbitrary<Element> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => ({ type, bytes }));
const empty = (type: number): fc.Arbitrary<Element> => fc.constant({ type, bytes: Buffer.alloc(0) });

const int64 = fc
  .oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: -1000n, max: 1000n }),
    fc
      .tuple(fc.constantFrom(2n ** 53n, -(2n ** 53n), 2n ** 32n, -(2n ** 31n)), fc.bigInt(-3n, 3n))
      .map(([near, by]) => near + by),
  )
  .map((value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(value);
    return bytes;
  });

const double = fc.double().map((value) => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return { type: 0x01, bytes };
});

const binary = fc
  .tuple(
    fc.constantFrom(0, 0, 1, 2, 3, 4, 4, 5, 6, 8, 9, 128, 255),
    fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 16, maxLength: 16 })),
    fc.boolean(),
  )
  .map(([type, bytes, isNested]) => {
    const content = type === 2 && isNested ? Buffer.concat([int32(bytes.length), bytes]) : bytes;
    return { type: 0x05, bytes: Buffer.concat([int32(content.length), Uint8Array.of(type), content]) };
  });

const pattern = fc
  .tuple(
    fc.oneof(fc.stringMatching(/^[a-z]{0,4}$/), fc.string({ maxLength: 4 })),
    fc.constantFrom('', 'i', 'im', 's', 'x', 'ii'),
  )
  .map(([source, flags]) => ({
    type: 0x0b,
    bytes: Buffer.concat([withoutNul(utf8(source)), Uint8Array.of(0), utf8(flags), Uint8Array.of(0)]),
  }));

const pointer = fc
  .tuple(textBytes, fc.uint8Array({ minLength: 12, maxLength: 12 }))
  .map(([name, id]) => ({ type: 0x0c, bytes: Buffer.concat([text(name), id]) }));

const ofText = (type: number) => textBytes.map((bytes) => ({ type, bytes: text(bytes) }));

const reference = fc
  .tuple(textBytes, fixed(0x07, 12), fc.option(textBytes), fc.boolean())
  .map(([collection, id, database, more]): Element => {
    const members: Named[] = [
      [utf8('$ref'), { type: 0x02, bytes: text(collection) }],
      [utf8('$id'), id],
    ];
    if (database) members.push([utf8('$db'), { type: 0x02, bytes: text(database) }]);
    if (more) members.push([utf8('more'), id]);
    return { type: 0x03, bytes: documentBytes(members) };
  });

const { members } = fc.letrec<{ element: Element; members: Named[] }>((tie) => ({
  members: fc.array(fc.tuple(nameOf, tie('element')), { maxLength: 7, depthIdentifier: 'bson' }),
  element: fc.oneof(
    { depthIdentifier: 'bson', maxDepth: 5, withCrossShrink: true },
    { weight: 8, arbitrary: ofText(0x02) },
    { weight: 3, arbitrary: fixed(0x10, 4) },
    { weight: 3, arbitrary: fixed(0x07, 12) },
    { weight: 2, arbitrary: double },
    { weight: 2, arbitrary: int64.map((bytes) => ({ type: 0x12, bytes })) },
    { weight: 2, arbitrary: int64.map((bytes) => ({ type: 0x09, bytes })) },
    { weight: 1, arbitrary: fixed(0x01, 8) },
    { weight: 2, arbitrary: fc.constantFrom(0, 1).map((one) => ({ type: 0x08, bytes: Uint8Array.of(one) })) },
    { weight: 1, arbitrary: empty(0x0a) },
    { weight: 1, arbitrary: empty(0x06) },
    { weight: 2, arbitrary: fixed(0x13, 16) },
    { weight: 2, arbitrary: binary },
    { weight: 8, arbitrary: tie('members').map((all) => ({ type: 0x03, bytes: documentBytes(all) })) },
    {
      weight: 5,
      arbitrary: fc.tuple(tie('members'), fc.boolean()).map(([all, isInOrder]) => ({
        type: 0x04,
        bytes: documentBytes(
          isInOrder ? all.map(([, element], index) => [utf8(String(index)), element] as const) : all,
        ),
      })),
    },
    // What the library decodes for us.
    {
      weight: 1,
      arbitrary: fc.oneof(
        pattern,
        pointer,
        reference,
        ofText(0x0d),
        ofText(0x0e),
        fixed(0x11, 8),
        empty(0xff),
        empty(0x7f),
        fc.tuple(textBytes, tie('members')).map(([source, scope]) => {
          const body = Buffer.concat([text(source), documentBytes(scope)]);
          return { type: 0x0f, bytes: Buffer.concat([int32(body.length + 4), body]) };
        }),
      ),
    },
  ),
}));

/** Documents of all types. */
export const randomDocument: fc.Arbitrary<Buffer> = members.map(documentBytes);

type Damage = (bytes: Buffer) => Buffer;
const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });

const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(place, fc.nat(255)).map(([at, byte]): Damage => (bytes) => {
    const damaged = Buffer.from(bytes);
    if (damaged.length > 0) damaged[Math.floor(at * damaged.length)] = byte;
    return damaged;
  }),
  fc
    .tuple(place, fc.constantFrom(-1, 0, 1, 4, 5, 0x7fffffff, -0x80000000, 255, 65536))
    .map(([at, size]): Damage => (bytes) => {
      const damaged = Buffer.from(bytes);
      if (damaged.length >= 4) damaged.writeInt32LE(size, Math.floor(at * (damaged.length - 3)));
      return damaged;
    }),
  place.map(
    (at): Damage =>
      (bytes) =>
        bytes.subarray(0, Math.floor(at * bytes.length)),
  ),
  place.map((at): Damage => (bytes) => {
    const cut = Math.floor(at * bytes.length);
    return Buffer.concat([bytes.subarray(0, cut), bytes.subarray(cut + 1)]);
  }),
  fc.tuple(place, fc.uint8Array({ maxLength: 5 })).map(([at, more]): Damage => (bytes) => {
    const cut = Math.floor(at * bytes.length);
    return Buffer.concat([bytes.subarray(0, cut), more, bytes.subarray(cut)]);
  }),
  // The outermost size is made right again: what is wrong is inside.
  fc.tuple(place, fc.nat(255)).map(([at, byte]): Damage => (bytes) => {
    const cut = Math.floor(at * bytes.length);
    const damaged = Buffer.concat([bytes.subarray(0, cut), Uint8Array.of(byte), bytes.subarray(cut)]);
    if (damaged.length >= 4) damaged.writeInt32LE(damaged.length);
    return damaged;
  }),
);

/** Bytes that were documents before they were damaged in a few places. */
export const damagedDocument: fc.Arbitrary<Buffer> = fc
  .tuple(randomDocument, fc.array(damage, { minLength: 1, maxLength: 3 }))
  .map(([bytes, damages]) => damages.reduce((damaged, one) => one(damaged), bytes));
