import { parse } from 'node:querystring';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  entryHash,
  headerValues,
  normaliseQuery,
  targetParts,
  variantHash,
  type EntryIdentity,
} from '../../../src/cache/http/key.js';

const identity: EntryIdentity = {
  route: ['Shop#list', null],
  scheme: 'http',
  host: 'shop.test',
  target: ['url', '/products', 'a=1'],
  forwarded: [null, null],
  scope: null,
};

describe('An entry’s hash', () => {
  it('has one length, and every part counts', () => {
    const others: EntryIdentity[] = [
      { ...identity, route: ['Shop#one', null] },
      { ...identity, route: ['Shop#list', '2'] },
      { ...identity, route: ['Shop#list', ''] },
      { ...identity, scheme: 'https' },
      { ...identity, host: 'other.test' },
      { ...identity, target: ['key', '/products', 'a=1'] },
      { ...identity, target: ['url', '/products', 'a=1', ''] },
      { ...identity, target: ['url', '/products","a=1'] },
      { ...identity, forwarded: ['', null] },
      { ...identity, scope: '' },
      { ...identity, scope: 'x'.repeat(100_000) },
    ];
    const hashes = [identity, ...others].map(entryHash);
    expect(new Set(hashes).size).toBe(hashes.length);
    for (const hash of hashes) expect(hash).toMatch(/^[\w-]{43}$/);
  });

  it('of variants keeps values and their absence apart', () => {
    const variants = [{}, { accept: '' }, { accept: 'a' }, { accept: 'a, b' }, { 'accept-language': 'a' }];
    const hashes = variants.map((headers) => variantHash('base', ['accept', 'accept-language'], headers));
    expect(new Set(hashes).size).toBe(variants.length);
    expect(headerValues(['accept', 'x'], { accept: 'a' })).toEqual(['a', null]);
  });
});

describe('A query', () => {
  it.each([
    ['b=2&a=1', 'a=1&b=2'],
    ['t=2&t=1&a', 'a&t=2&t=1'],
    ['&&a=1&', 'a=1'],
    ['%61=1&a=2', '%61=1&a=2'],
    ['a=2&%61=1', 'a=2&%61=1'],
    ['b=1;a=2', 'b=1;a=2'],
    ['tag[]=2&tag=1&a=0', 'a=0&tag[]=2&tag=1'],
    ['[b]=1&a=2', '[b]=1&a=2'],
    ['b=%zz&%zz=1', '%zz=1&b=%zz'],
    ['', ''],
  ])('%s is %s', (query, normal) => {
    expect(normaliseQuery(query)).toBe(normal);
  });

  it('one normal form means one meaning: parsers see the same values in the same order', () => {
    const part = fc.constantFrom('a', 'b', '%61', 'a[]', 'b%5B%5D', 'c+d', '', '=', '1', '%zz');
    const query = fc
      .array(fc.tuple(part, part), { maxLength: 6 })
      .map((pairs) => pairs.map((pair) => pair.join('=')).join('&'));
    const grouped = (text: string) =>
      Object.fromEntries(
        Object.entries(parse(text))
          .filter(([name]) => name !== '')
          .sort(([one], [other]) => (one < other ? -1 : 1)),
      );
    fc.assert(
      fc.property(query, (text) => {
        expect(grouped(normaliseQuery(text))).toEqual(grouped(text));
      }),
    );
  });

  it('which parameters matter is decided by the names that handlers see', () => {
    const only = { only: ['page', 'filter'] };
    expect(normaliseQuery('x=1&page=2&filter[a]=3', only)).toBe('filter[a]=3&page=2');
    expect(normaliseQuery('%70age=2', only)).toBe('%70age=2');
    expect(normaliseQuery('[page]=2&x=1', only)).toBe('[page]=2&x=1');
    const ignore = { ignore: ['utm_*', 'gclid'] };
    expect(normaliseQuery('utm_source=a&gclid=b&gclidx=c&utm=d', ignore)).toBe('gclidx=c&utm=d');
  });

  it('a target is cut at its first question mark', () => {
    expect(targetParts('/a')).toEqual(['/a', '']);
    expect(targetParts('/a?c=?&b')).toEqual(['/a', 'b&c=?']);
    expect(targetParts('/a%3Fb')).toEqual(['/a%3Fb', '']);
  });
});
