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
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (const whole = bytes.length - 7; at < whole; at += 8) {
      low ^= view.getInt32(at, true);
      high ^= view.getInt32(at + 4, true);
      const a = 3584 + ((low & 255) << 1);
      const b = 3072 + ((low >>> 7) & 510);
      const c = 2560 + ((low >>> 15) & 510);
      const d = 2048 + ((low >>> 23) & 510);
      const e = 1536 + ((high & 255) << 1);
      const f = 1024 + ((high >>> 7) & 510);
      const g = 512 + ((high >>> 15) & 510);
      const h = (high >>> 23) & 510;
      low = TABLE[a]! ^ TABLE[b]! ^ TABLE[c]! ^ TABLE[d]! ^ TABLE[e]! ^ TABLE[f]! ^ TABLE[g]! ^ TABLE[h]!;
      high =
        TABLE[a + 1]! ^
        TABLE[b + 1]! ^
        TABLE[c + 1]! ^
        TABLE[d + 1]! ^
        TABLE[e + 1]! ^
        TABLE[f + 1]! ^
        TABLE[g + 1]! ^
        TABLE[h + 1]!;
    }
    for (; at < bytes.length; at++) {
      const index = ((low ^ bytes[at]!) & 255) << 1;
      low = ((low >>> 8) | (high << 24)) ^ TABLE[index]!;
      high = (high >>> 8) ^ TABLE[index + 1]!;
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
/** Eight tables of 256 entries, the low half of each entry before its high half. */
const TABLE = new Int32Array(4096);

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
  TABLE[2 * byte] = low;
  TABLE[2 * byte + 1] = high;
}
// Table k: the effect of a byte that is followed by k zero bytes.
for (let at = 512; at < TABLE.length; at += 2) {
  const low = TABLE[at - 512]!;
  const high = TABLE[at - 511]!;
  const index = (low & 255) << 1;
  TABLE[at] = ((low >>> 8) | (high << 24)) ^ TABLE[index]!;
  TABLE[at + 1] = (high >>> 8) ^ TABLE[index + 1]!;
}
