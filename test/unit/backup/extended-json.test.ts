import mongoose from 'mongoose';
import { describe, expect, it } from 'vitest';
import { fromExtendedJson, toExtendedJson } from '../../../src/backup/archive/extended-json.js';

const { BSON } = mongoose.mongo;

describe('definitions as Extended JSON', () => {
  it('keep members in their order, those with names like numbers too', () => {
    const text =
      '{"key":{"10":{"$numberInt":"1"},"2":{"$numberInt":"-1"},"a":"text"},"list":[{"9":true,"1":null}]}';

    const bytes = BSON.serialize(fromExtendedJson(text));

    expect(toExtendedJson(bytes)).toBe(text);
  });

  it('keep every type as it is', () => {
    const text =
      '{"a":{"$numberLong":"9007199254740993"},"b":{"$numberDouble":"1.0"},"c":{"$numberDecimal":"1.50"},' +
      '"d":{"$date":{"$numberLong":"-1"}},"e":{"$oid":"0123456789abcdef01234567"},' +
      '"f":{"$binary":{"base64":"eA==","subType":"00"}},"g":{"$timestamp":{"t":1,"i":2}},' +
      '"h":{"$regularExpression":{"pattern":"^a\\"b","options":"i"}},"i":{"$minKey":1},"j":{"$maxKey":1},' +
      '"k":{"$code":"x()"},"l":{"$symbol":"s"},"m":{},"n":[],"o":"~ \\\\ : \\"q\\" ü","p":{"$gt":{"$numberInt":"5"}}}';

    expect(toExtendedJson(BSON.serialize(fromExtendedJson(text)))).toBe(text);
  });

  it('read the same as what the driver writes', () => {
    const document = {
      a: new BSON.Int32(1),
      b: [{ c: new BSON.Double(1.5) }],
      d: /x/i,
      e: BSON.Long.fromInt(7),
    };
    const expected = BSON.EJSON.stringify(document, { relaxed: false });

    expect(toExtendedJson(BSON.serialize(document))).toBe(expected);
  });

  it.each(['[]', '1', '{"$numberInt":"1"}'])('are documents, not %s', (text) => {
    expect(() => fromExtendedJson(text)).toThrow('it is no document');
  });
});
