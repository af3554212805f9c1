import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { byteRange } from '../../../src/cache/http/headers/byte-range.js';
import { targetedControl } from '../../../src/cache/http/headers/cache-control.js';
import { initialAge, lifetimes } from '../../../src/cache/http/freshness.js';
import { parseHttpDate } from '../../../src/cache/http/headers/http-date.js';
import { requestDirectives } from '../../../src/cache/http/headers/request-directives.js';
import { refusalReason } from '../../../src/cache/http/storing.js';
import { parseDictionary } from '../../../src/cache/http/headers/structured-dictionary.js';

const time = Date.UTC(2026, 6, 1, 10, 0, 20);

describe('HTTP dates', () => {
  it.each([
    'Wed, 01 Jul 2026 10:00:20 GMT',
    'wed, 01 jul 2026 10:00:20 gmt',
    'Wednesday, 01-Jul-26 10:00:20 GMT',
    'Wed Jul  1 10:00:20 2026',
  ])('%s is one', (field) => expect(parseHttpDate(field, time)).toBe(time));

  it.each([
    'Wed, 1 Jul 2026 10:00:20 GMT',
    'Wed, 01 Jul 26 10:00:20 GMT',
    'Wed 01 Jul 2026 10:00:20 GMT',
    'Wed, 01-Jul-2026 10:00:20 GMT',
    'Wed, 01 Jul 2026 10.00.20 GMT',
    'Wed, 01 Jul 2026 1:00:20 GMT',
    'Wed,  01 Jul 2026 10:00:20 GMT',
    'Wed, 01 Jul 2026 10:00:20 UTC',
    'Tue, 31 Feb 2026 10:00:20 GMT',
    'Wed, 01 Jul 2026 25:00:20 GMT',
    '0',
    '',
    ['Wed, 01 Jul 2026 10:00:20 GMT', 'Wed, 01 Jul 2026 10:00:20 GMT'],
  ])('%j is none', (field) => expect(parseHttpDate(field, time)).toBeUndefined());

  it('two digits of a year more than fifty years ahead are of the past', () => {
    expect(parseHttpDate('Sunday, 06-Nov-94 08:49:37 GMT', time)).toBe(Date.UTC(1994, 10, 6, 8, 49, 37));
  });
});

describe('Structured dictionaries', () => {
  it.each(['max-age=9', 'a, b=?0;x=1, c="q\\"" ,d=(1 2);e', 'a=:YQ==:', 'a=1.5, *b=t/x:y'])(
    '%s is one',
    (field) => expect(parseDictionary(field)).toBeInstanceOf(Map),
  );
  it.each(['max-age=9, &', 'MAX-AGE=9', 'a=', 'a,', 'a=1 b', 'a="', 'a=?2', 'a=(1', 'a = 1', 'a=1.2345'])(
    '%s is none',
    (field) => expect(parseDictionary(field)).toBeUndefined(),
  );

  it('no field takes long, or throws', () => {
    fc.assert(fc.property(fc.string({ maxLength: 200 }), (field) => void parseDictionary(field)));
    expect(parseDictionary('a;'.repeat(50_000))).toBeUndefined();
    expect(parseDictionary(' '.repeat(50_000) + '&')).toBeUndefined();
  });

  it('a targeted field goes before Cache-Control only if it can be read', () => {
    const headers = (field: string) => ({ 'cdn-cache-control': field, 'cache-control': 'max-age=1' });
    expect(targetedControl(headers('max-age=9')).seconds('max-age')).toBe(9);
    for (const field of ['max-age="9"', 'max-age=-9', 'max-age=9, =', ''])
      expect([field, targetedControl(headers(field)).seconds('max-age')]).toEqual([field, 1]);
  });
});

describe('Freshness from the response', () => {
  const rules = {
    freshness: 'response',
    ttl: 1e12,
    staleWhileRevalidate: 7_000,
    staleIfError: 8_000,
  } as const;
  const of = (control: string, more = {}, status = 200) =>
    lifetimes({ status, headers: { 'cache-control': control, ...more }, age: 0 }, rules, time);

  it.each([
    ['max-age=9', 9_000, 7_000, 8_000],
    ['max-age=9, stale-while-revalidate=1', 9_000, 1_000, 8_000],
    ['max-age=0, stale-while-revalidate=60', 0, 60_000, 8_000],
    ['max-age=9, must-revalidate, stale-if-error=9', 9_000, 0, 0],
    ['s-maxage=9', 9_000, 0, 0],
    ['s-maxage=9, stale-while-revalidate=60', 9_000, 60_000, 0],
    ['no-cache, max-age=9', 0, 0, 0],
  ])('%s', (control, ttl, staleWhileRevalidate, staleIfError) => {
    expect(of(control)).toMatchObject({ ttl, staleWhileRevalidate, staleIfError });
  });

  it('an error does not stand in for an error', () => expect(of('max-age=9', {}, 503).staleIfError).toBe(0));

  it('what can be compared is kept to be revalidated', () => {
    expect(of('max-age=9').keep).toBe(0);
    expect(of('max-age=9', { etag: '"a"' }).keep).toBe(60_000);
    expect(of('', { etag: '"a"' }).keep).toBe(0);
  });

  it('only what a cache understands is kept against no-store', () => {
    const headers = { 'cache-control': 'no-store, must-understand, max-age=9' };
    expect(refusalReason(200, headers, 'response')).toBeUndefined();
    expect(refusalReason(599, headers, 'response')).toBe('no-store');
    for (const status of [206, 304]) expect(refusalReason(status, {}, 'response')).toBe('status');
  });

  it.each([
    [{ age: '4' }, 4],
    [{ age: '4, 9' }, 4],
    [{ age: 'x' }, 0],
    [{ age: '-4' }, 0],
    [{ age: '4.5' }, 0],
    [{ date: 'Wed, 01 Jul 2026 10:00:00 GMT' }, 20],
    [{ date: 'Wed, 01 Jul 2026 10:00:00 GMT', age: '30' }, 30],
  ])('the age of %j is %d s', (headers, age) => expect(initialAge(headers, time)).toBe(age));
});

describe('Parts and directives', () => {
  it('no range reaches outside the body', () => {
    const field = fc.tuple(fc.nat(30), fc.option(fc.nat(30)), fc.boolean());
    fc.assert(
      fc.property(field, fc.nat(20), ([one, other, isSuffix], length) => {
        const range = byteRange(
          { range: isSuffix ? `bytes=-${one}` : `bytes=${one}-${other ?? ''}` },
          length,
          {},
        );
        if (typeof range === 'object') {
          expect(range.start).toBeGreaterThanOrEqual(0);
          expect(range.end).toBeGreaterThan(range.start);
          expect(range.end).toBeLessThanOrEqual(length);
        }
      }),
    );
  });

  it('a weak tag says nothing about parts', () => {
    const validators = { etag: 'W/"a"' };
    expect(byteRange({ range: 'bytes=0-1', 'if-range': 'W/"a"' }, 9, validators)).toBeUndefined();
  });

  it('what can not be read asks for nothing', () => {
    expect(requestDirectives({ 'cache-control': 'no-cache, "' }).noCache).toBe(false);
    expect(requestDirectives({ pragma: 'no-cache' }).noCache).toBe(true);
    expect(requestDirectives({ pragma: 'no-cache', 'cache-control': 'x' }).noCache).toBe(false);
    expect(requestDirectives({ 'cache-control': 'max-stale' }).maxStale).toBe(Infinity);
    expect(requestDirectives({ 'cache-control': 'max-stale=x' }).maxStale).toBe(0);
  });
});
