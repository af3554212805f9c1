import { crc64Machine, INPUT_BYTES } from './crc64-machine.js';

const machine = crc64Machine();

/** CRC-64/XZ, which Go calls ECMA: the checksum that a mongodump archive keeps of each namespace. */
export class Crc64 {
  private state = -1n;

  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; at += INPUT_BYTES) {
      const piece = bytes.subarray(at, at + INPUT_BYTES);
      machine.input.set(piece);
      this.state = machine.update(this.state, piece.length);
    }
  }

  /** The checksum of what has been given so far. */
  value(): bigint {
    return BigInt.asUintN(64, ~this.state);
  }
}
