import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Crc64 } from '../../../src/backup/archive/crc64.js';

describe('CRC-64/XZ', () => {
  it('gives the check value of the standard', () => {
    expect(crcOf(Buffer.from('123456789'))).toBe(0x995dc9bbdf1939fan);
  });

  it('is 0 for nothing, as an archive writes it for an empty collection', () => {
    expect(crcOf(Buffer.alloc(0))).toBe(0n);
  });

  it('does not depend on how the bytes are cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, cut) => {
        const crc = new Crc64();
        crc.update(bytes.subarray(0, cut));
        crc.update(bytes.subarray(cut));
        expect(crc.value()).toBe(bitwise(bytes));
      }),
    );
  });

  it('holds over more bytes than are worked on at a time', () => {
    const bytes = randomBytes(150_001);
    expect(crcOf(bytes)).toBe(bitwise(bytes));
  });
});

function crcOf(bytes: Uint8Array): bigint {
  const crc = new Crc64();
  crc.update(bytes);
  return crc.value();
}

/** The definition, a bit at a time. */
function bitwise(bytes: Uint8Array): bigint {
  const ones = 0xffffffffffffffffn;
  let crc = ones;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0xc96c5795d7870f42n : crc >> 1n;
  }
  return crc ^ ones;
}
