import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame, weakEtag, type Frame } from '../../../src/cache/http/responses/frame.js';

const answer: Frame = {
  kind: 'answer',
  status: 203,
  headers: [
    ['Content-Type', 'text/plain'],
    ['X-Many', ['one', 'zweï']],
  ],
  etag: 'W/"x"',
  lastModified: undefined,
  age: 3,
  body: Buffer.from([0, 255, 10, 13]),
};

describe('A frame', () => {
  it('comes back as it was', () => {
    for (const frame of [
      answer,
      { ...answer, body: Buffer.alloc(0) },
      { kind: 'variants', names: ['accept'] },
      { kind: 'generation', id: 'g' },
    ] satisfies Frame[])
      expect(decodeFrame(encodeFrame(frame))).toEqual(frame);
  });

  it('is read once per buffer, so hits from memory share it', () => {
    const bytes = encodeFrame(answer);
    expect(decodeFrame(bytes)).toBe(decodeFrame(bytes));
  });

  it('cut, damaged or foreign bytes are no frame', () => {
    const bytes = encodeFrame(answer);
    for (let length = 0; length < bytes.length; length += 1)
      expect(decodeFrame(bytes.subarray(0, length))).toBeUndefined();
    expect(decodeFrame(Buffer.concat([bytes, Buffer.from('x')]))).toBeUndefined();
    expect(decodeFrame(Buffer.from('"json"'))).toBeUndefined();
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const damaged = Buffer.from(bytes);
        damaged[at] = value;
        decodeFrame(damaged);
      }),
    );
  });

  it('an ETag is made from the bytes alone', () => {
    expect(weakEtag(Buffer.from('a'))).toBe(weakEtag(Buffer.from('a')));
    expect(weakEtag(Buffer.from('a'))).not.toBe(weakEtag(Buffer.from('b')));
    expect(weakEtag(Buffer.alloc(0))).toMatch(/^W\/"[\w-]+"$/);
  });
});
