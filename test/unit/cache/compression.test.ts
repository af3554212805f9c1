import { randomBytes } from 'node:crypto';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compressed, decompressed } from '../../../src/cache/engine/compression.js';
import type { Entry } from '../../../src/cache/engine/entry.js';
import { frameOf } from '../../../src/cache/engine/frame.js';

const MIB = 1024 * 1024;
const products = (bytes: number) =>
  Buffer.from(
    JSON.stringify(
      Array.from({ length: Math.ceil(bytes / 30) }, (_, id) => ({
        id,
        name: `Rose ${id * 7919}`,
        price: id / 100,
      })),
    ).slice(0, bytes),
  );
const withLength = (length: number, deflated: Buffer) => {
  const head = Buffer.alloc(4);
  head.writeUInt32BE(length);
  return Buffer.concat([head, deflated]);
};

describe('Payloads are compressed where it pays', () => {
  it.each([300, 8_192, 65_536, 65_537, 300_000, 3 * MIB])(
    '%i bytes come back as they were',
    async (length) => {
      const bytes = products(length);
      const small = await compressed(bytes, 0);
      expect(small!.length).toBeLessThan(bytes.length * 0.6);
      expect((await decompressed(small!, bytes.length)).equals(bytes)).toBe(true);
    },
  );

  it('any bytes that it takes', async () => {
    let taken = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 60 }),
        fc.integer({ min: 1, max: 2_000 }),
        async (part, times) => {
          const bytes = Buffer.concat(Array.from({ length: times }, () => part));
          const small = await compressed(bytes, 0);
          if (!small) return;
          taken++;
          expect((await decompressed(small, bytes.length)).equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 300, seed: 2_031 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  it('not below the threshold, not where it saves less than a tenth, not nothing', async () => {
    const bytes = products(8_192);
    expect(await compressed(bytes, 8_193)).toBeUndefined();
    expect(await compressed(bytes, 8_192)).toBeDefined();
    expect(await compressed(randomBytes(20_000), 0)).toBeUndefined();
    expect(await compressed(randomBytes(200_000), 0)).toBeUndefined();
    expect(await compressed(Buffer.concat([randomBytes(9_500), Buffer.alloc(500)]), 0)).toBeUndefined();
    expect(await compressed(Buffer.alloc(0), 0)).toBeUndefined();
  });

  it('does not hold up the event loop for megabytes', async () => {
    const bytes = products(8 * MIB);
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const small = await compressed(bytes, 0);
    const afterwards = turns;
    await decompressed(small!, bytes.length);
    clearInterval(timer);
    expect(afterwards).toBeGreaterThan(0);
    expect(turns).toBeGreaterThan(afterwards);
  });
});

describe('Bytes that are not ours are rejected', () => {
  it('beyond the limit, whatever they say of their length', async () => {
    const bytes = products(100_000);
    const small = await compressed(bytes, 0);
    await expect(decompressed(small!, 99_999)).rejects.toThrow(RangeError);
    const bomb = deflateSync(Buffer.alloc(64 * MIB));
    for (const claimed of [1, 64, 65_536, 100_000, MIB]) {
      await expect(decompressed(withLength(claimed, bomb), MIB)).rejects.toThrow();
    }
    await expect(decompressed(withLength(64 * MIB, bomb), MIB)).rejects.toThrow(/expected 1 to 1048576/);
    await expect(decompressed(withLength(0xffff_ffff, bomb), MIB)).rejects.toThrow(RangeError);
  });

  it('a bomb takes no more memory than its limit', async () => {
    const bomb = withLength(MIB, deflateSync(Buffer.alloc(256 * MIB)));
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    const timer = setInterval(() => (most = Math.max(most, process.memoryUsage().arrayBuffers)), 1);
    await expect(decompressed(bomb, MIB)).rejects.toThrow();
    clearInterval(timer);
    expect(Math.max(most, process.memoryUsage().arrayBuffers) - before).toBeLessThan(16 * MIB);
  });

  it.each([20_000, 200_000])('%i bytes that were cut, changed or added to', async (length) => {
    const bytes = products(length);
    const small = (await compressed(bytes, 0))!;
    for (const end of [0, 1, 4, 5, 20, small.length - 1])
      await expect(decompressed(small.subarray(0, end), MIB)).rejects.toThrow();
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: small.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (index, mask) => {
          const damaged = Buffer.from(small);
          damaged[index] = damaged[index]! ^ mask;
          // The header of zlib has bits that mean nothing here: then the bytes are right all the same.
          const result = await decompressed(damaged, MIB).catch(() => undefined);
          expect(result === undefined || result.equals(bytes)).toBe(true);
        },
      ),
      { numRuns: 200, seed: 2_032 },
    );
  });

  it('another format, another length, noise', async () => {
    const bytes = products(1_000);
    for (const other of [gzipSync(bytes), deflateRawSync(bytes), randomBytes(500), bytes]) {
      await expect(decompressed(other, MIB)).rejects.toThrow();
      await expect(decompressed(withLength(1_000, other), MIB)).rejects.toThrow();
    }
    for (const length of [0, 999, 1_001, 100_000])
      await expect(decompressed(withLength(length, deflateSync(bytes)), MIB)).rejects.toThrow();
  });
});

it('documents of queries are compressed from sixteen times as many bytes on', async () => {
  const isSmaller = async (codec: Entry['codec'], bytes: number) => {
    const payload = Buffer.alloc(bytes, 'a');
    const times = { storedAt: 0, freshUntil: 1, staleUntil: 1, loadTime: 0 };
    const frame = await frameOf({ codec, asOf: 0, ...times, tags: [], payload }, 1_000);
    return frame.length < bytes;
  };
  expect(await isSmaller('json', 1_000)).toBe(true);
  expect(await isSmaller('bson', 15_999)).toBe(false);
  expect(await isSmaller('bson', 16_000)).toBe(true);
});
