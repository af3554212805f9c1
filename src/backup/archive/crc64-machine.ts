/** How much is worked on at a time. */
export const INPUT_BYTES = 65_536;

export interface Crc64Machine {
  /** What `update` reads. */
  readonly input: Uint8Array;
  /** Takes the state on over the first bytes of the input; neither state is inverted. */
  update(state: bigint, length: number): bigint;
}

/** What is used of it: the types of Node leave it out. */
declare const WebAssembly: {
  Memory: new (size: { initial: number }) => { readonly buffer: ArrayBuffer };
  Module: new (bytes: Uint8Array) => object;
  Instance: new (
    module: object,
    imports: object,
  ) => { readonly exports: { readonly update: Crc64Machine['update'] } };
};

const POLYNOMIAL = 0xc96c5795d7870f42n;
const PAGE = 65_536;
/** Bytes of a step: each of them goes through a table of its own. */
const STEP = 16;
const TABLE_BYTES = 256 * 8;

/**
 * CRC-64/XZ as a program of WebAssembly, three times as fast as the best of JavaScript, which knows no integers of 64
 * bits: 16 bytes at a time through 16 tables ("slicing"), what remains byte by byte. Memory: the input, then the tables.
 */
export function crc64Machine(): Crc64Machine {
  const pages = (INPUT_BYTES + STEP * TABLE_BYTES) / PAGE;
  const memory = new WebAssembly.Memory({ initial: Math.ceil(pages) });
  fillTables(new BigUint64Array(memory.buffer, INPUT_BYTES, STEP * 256));
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(program()), { m: { m: memory } });
  return {
    input: new Uint8Array(memory.buffer, 0, INPUT_BYTES),
    update: exports.update,
  };
}

/** Table k: what becomes of a byte that k zero bytes follow. */
function fillTables(tables: BigUint64Array): void {
  for (let byte = 0; byte < 256; byte++) {
    let rest = BigInt(byte);
    for (let bit = 0; bit < 8; bit++) rest = (rest >> 1n) ^ (rest & 1n ? POLYNOMIAL : 0n);
    tables[byte] = rest;
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256]!;
    tables[at] = (before >> 8n) ^ tables[Number(before & 255n)]!;
  }
}

// Of the WebAssembly Core Specification 1.0, chapter 5 (binary format).
const MAGIC_AND_VERSION = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const I32 = 0x7f;
const I64 = 0x7e;
const LOOP = [0x03, 0x40];
const BLOCK = [0x02, 0x40];
const END = 0x0b;
const REPEAT = [0x0c, 0];
const BREAK_IF = (depth: number): number[] => [0x0d, depth];
const GET = (local: number): number[] => [0x20, local];
const SET = (local: number): number[] => [0x21, local];
const CONST_32 = (value: number): number[] => [0x41, ...leb128(value)];
const CONST_64 = (value: number): number[] => [0x42, ...leb128(value)];
const LOAD_64 = (offset: number): number[] => [0x29, 0, ...leb128(offset)];
const LOAD_BYTE_AS_64 = [0x31, 0, 0];
const [ADD_32, AND_32, SHIFT_LEFT_32, MORE_32, SAME_OR_MORE_32] = [0x6a, 0x71, 0x74, 0x4b, 0x4f];
const [XOR_64, SHIFT_RIGHT_64, LOW_32_OF_64] = [0x85, 0x88, 0xa7];

/** The parameters, and two variables: where it is, and the second word of a step. */
const [STATE, LENGTH, AT, WORD] = [0, 1, 2, 3];

/** A module with the function `update`, which works on the memory `m.m`. */
function program(): Uint8Array<ArrayBuffer> {
  const step = [
    [...GET(STATE), ...GET(AT), ...LOAD_64(0), XOR_64, ...SET(STATE)],
    [...GET(AT), ...LOAD_64(8), ...SET(WORD)],
    ...Array.from({ length: STEP }, (_, byte) => [
      ...entry(STEP - 1 - byte, byte < 8 ? STATE : WORD, byte % 8),
      ...(byte > 0 ? [XOR_64] : []),
    ]),
    [...SET(STATE), ...GET(AT), ...CONST_32(STEP), ADD_32, ...SET(AT)],
  ];
  const single = [
    [...GET(STATE), ...GET(AT), ...LOAD_BYTE_AS_64, XOR_64, ...SET(STATE)],
    [...entry(0, STATE, 0), ...GET(STATE), ...CONST_64(8), SHIFT_RIGHT_64, XOR_64, ...SET(STATE)],
    [...GET(AT), ...CONST_32(1), ADD_32, ...SET(AT)],
  ];
  const body = [
    [2, 1, I32, 1, I64],
    [...BLOCK, ...LOOP, ...GET(AT), ...CONST_32(STEP), ADD_32, ...GET(LENGTH), MORE_32, ...BREAK_IF(1)],
    ...step,
    [...REPEAT, END, END],
    [...BLOCK, ...LOOP, ...GET(AT), ...GET(LENGTH), SAME_OR_MORE_32, ...BREAK_IF(1)],
    ...single,
    [...REPEAT, END, END],
    [...GET(STATE), END],
  ].flat();
  return Uint8Array.from([
    ...MAGIC_AND_VERSION,
    ...section(1, [1, 0x60, 2, I64, I32, 1, I64]),
    ...section(2, [1, ...name('m'), ...name('m'), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name('update'), 0, 0]),
    ...section(10, [1, ...leb128(body.length), ...body]),
  ]);
}

/** Table's entry for a byte of a local. */
function entry(table: number, local: number, byte: number): number[] {
  const shifted = byte === 0 ? [] : [...CONST_64(8 * byte), SHIFT_RIGHT_64];
  const index = [...GET(local), ...shifted, LOW_32_OF_64, ...CONST_32(255), AND_32];
  return [...index, ...CONST_32(3), SHIFT_LEFT_32, ...LOAD_64(INPUT_BYTES + table * TABLE_BYTES)];
}

function name(text: string): number[] {
  return [text.length, ...Buffer.from(text)];
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb128(content.length), ...content];
}

/** For numbers that aren't negative, right as signed and as unsigned. */
function leb128(value: number): number[] {
  const low = value & 63;
  return value < 64 ? [low] : [(value & 127) | 128, ...leb128(value >>> 7)];
}
