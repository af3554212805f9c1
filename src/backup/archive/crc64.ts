/**
 * CRC-64/XZ, which Go calls ECMA: the checksum that a mongodump archive keeps of each namespace. Eight bytes at a
 * time through eight tables, on two 32-bit halves, because BigInt is a hundred times slower.
 */
export class Crc64 {
  private low = 0xffffffff;
  private high = 0xffffffff;

  update(bytes: Uint8Array): void {
    let low = this.low;
    let high = this.high;
    let at = 0;
    for (const whole = bytes.length - 7; at < whole; at += 8) {
      low ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
      high ^= bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
      const a = 1792 + (low & 255);
      const b = 1536 + ((low >>> 8) & 255);
      const c = 1280 + ((low >>> 16) & 255);
      const d = 1024 + (low >>> 24);
      const e = 768 + (high & 255);
      const f = 512 + ((high >>> 8) & 255);
      const g = 256 + ((high >>> 16) & 255);
      const h = high >>> 24;
      low = LOW[a]! ^ LOW[b]! ^ LOW[c]! ^ LOW[d]! ^ LOW[e]! ^ LOW[f]! ^ LOW[g]! ^ LOW[h]!;
      high = HIGH[a]! ^ HIGH[b]! ^ HIGH[c]! ^ HIGH[d]! ^ HIGH[e]! ^ HIGH[f]! ^ HIGH[g]! ^ HIGH[h]!;
    }
    for (; at < bytes.length; at++) {
      const index = (low ^ bytes[at]!) & 255;
      low = ((low >>> 8) | (high << 24)) ^ LOW[index]!;
      high = (high >>> 8) ^ HIGH[index]!;
    }
    this.low = low;
    this.high = high;
  }

  /** The checksum of what has been given so far. */
  value(): bigint {
    return (BigInt(~this.high >>> 0) << 32n) | BigInt(~this.low >>> 0);
  }
}

const POLYNOMIAL_LOW = 0xd7870f42 | 0;
const POLYNOMIAL_HIGH = 0xc96c5795 | 0;
const LOW = new Int32Array(2048);
const HIGH = new Int32Array(2048);

for (let byte = 0; byte < 256; byte++) {
  let low = byte;
  let high = 0;
  for (let bit = 0; bit < 8; bit++) {
    const carry = low & 1;
    low = (low >>> 1) | (high << 31);
    high >>>= 1;
    if (carry) {
      low ^= POLYNOMIAL_LOW;
      high ^= POLYNOMIAL_HIGH;
    }
  }
  LOW[byte] = low;
  HIGH[byte] = high;
}
// Table k: the effect of a byte that is followed by k zero bytes.
for (let index = 256; index < 2048; index++) {
  const low = LOW[index - 256]!;
  const high = HIGH[index - 256]!;
  LOW[index] = ((low >>> 8) | (high << 24)) ^ LOW[low & 255]!;
  HIGH[index] = (high >>> 8) ^ HIGH[low & 255]!;
}
