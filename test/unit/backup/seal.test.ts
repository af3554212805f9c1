import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, it } from 'vitest';
import { type NamedKey, Seal, Unseal } from '../../../src/backup/encryption/seal.js';

const key: NamedKey = { id: 'spring-2026', key: randomBytes(32) };
const CHUNK = 100;
const STORED_CHUNK = CHUNK + 16;
const HEADER = 8 + 2 + key.id.length + 4 + 32;

async function run(stream: Seal | Unseal, bytes: Buffer, pieces = 37): Promise<Buffer> {
  const parts = Array.from({ length: Math.ceil(bytes.length / pieces) }, (_, index) =>
    bytes.subarray(index * pieces, (index + 1) * pieces),
  );
  const [, out] = await Promise.all([pipeline(Readable.from(parts), stream), stream.toArray()]);
  return Buffer.concat(out as Buffer[]);
}
const seal = (bytes: Buffer, pieces?: number): Promise<Buffer> => run(new Seal(key, CHUNK), bytes, pieces);
const unseal = (bytes: Buffer, pieces?: number, by = key): Promise<Buffer> =>
  run(new Unseal(by), bytes, pieces);
const fate = (bytes: Buffer): Promise<string> =>
  unseal(bytes).then(
    () => 'accepted',
    ({ code }: { code: string }) => code,
  );

describe('what is encrypted', () => {
  it.each([0, 1, 99, 100, 101, 200, 1_234])('comes back: %i bytes, in pieces of any size', async (size) => {
    const plain = randomBytes(size);
    for (const pieces of [1, 37, 100, 116, 5_000]) {
      const sealed = await seal(plain, pieces);
      expect(sealed.length).toBe(HEADER + size + 16 * Math.max(1, Math.ceil(size / CHUNK)));
      expect((await unseal(sealed, pieces)).equals(plain)).toBe(true);
    }
  });

  it('is never the same twice, and shows nothing of what it was', async () => {
    const plain = Buffer.alloc(1_000, 'violet ');
    const [first, second] = [await seal(plain), await seal(plain)];
    expect(first.subarray(HEADER).equals(second.subarray(HEADER))).toBe(false);
    expect(first.includes('violet')).toBe(false);
    expect(first.includes(Buffer.from(key.key))).toBe(false);
    expect(first.subarray(HEADER, HEADER + 100).equals(first.subarray(HEADER + 116, HEADER + 216))).toBe(
      false,
    );
  });

  it('is refused when any bit of it was flipped', async () => {
    const sealed = await seal(randomBytes(150));
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = Buffer.from(sealed);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(await fate(flipped)).toBe('SEAL_BROKEN');
    }
  });

  it('is refused when it was cut anywhere, or goes on', async () => {
    const sealed = await seal(randomBytes(250));
    for (let length = 0; length < sealed.length; length++)
      expect(await fate(sealed.subarray(0, length))).toBe('SEAL_BROKEN');
    expect(await fate(Buffer.concat([sealed, Buffer.of(0)]))).toBe('SEAL_BROKEN');
    expect(await fate(Buffer.concat([sealed, sealed]))).toBe('SEAL_BROKEN');
  });

  it('is refused when chunks were left out, doubled, swapped, or taken from another file', async () => {
    const [sealed, other] = [await seal(randomBytes(350)), await seal(randomBytes(350))];
    const chunk = (of: Buffer, index: number): Buffer =>
      of.subarray(HEADER + index * STORED_CHUNK, HEADER + (index + 1) * STORED_CHUNK);
    const header = sealed.subarray(0, HEADER);
    const [a, b, c, d] = [0, 1, 2, 3].map((index) => chunk(sealed, index)) as [
      Buffer,
      Buffer,
      Buffer,
      Buffer,
    ];
    expect((await unseal(Buffer.concat([header, a, b, c, d]))).length).toBe(350);
    for (const chunks of [
      [b, c, d],
      [a, c, d],
      [a, b, c],
      [a, a, b, c, d],
      [b, a, c, d],
      [a, b, d],
      [d],
      [],
      [chunk(other, 0), b, c, d],
      [a, b, c, chunk(other, 3)],
    ])
      expect(await fate(Buffer.concat([header, ...chunks]))).toBe('SEAL_BROKEN');
    expect(await fate(Buffer.concat([other.subarray(0, HEADER), a, b, c, d]))).toBe('SEAL_BROKEN');
  });

  it('is refused with another key, or another name for it', async () => {
    const sealed = await seal(randomBytes(50));
    for (const by of [
      { ...key, key: randomBytes(32) },
      { ...key, id: 'spring-2025' },
    ])
      await expect(unseal(sealed, 9, by)).rejects.toMatchObject({ code: 'SEAL_BROKEN' });
  });
});
