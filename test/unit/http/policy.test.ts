import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { parseCacheControl } from '../../../src/cache/http/headers/cache-control.js';
import { lifetimes } from '../../../src/cache/http/freshness.js';
import { bypassReason, varyNames } from '../../../src/cache/http/policy.js';
import { personalReason, refusalReason } from '../../../src/cache/http/storing.js';
import { parseHttpDate } from '../../../src/cache/http/headers/http-date.js';
import { isNotModified } from '../../../src/cache/http/conditional.js';
import { cacheStatus } from '../../../src/cache/http/headers/cache-status.js';

const open = { scoped: false, vary: new Set<string>() };
const get = (headers: Record<string, string> = {}, authenticated = false, hasBody = false) => ({
  method: 'GET',
  headers,
  authenticated,
  hasBody,
});

describe('A request', () => {
  it.each([
    [get(), undefined],
    [{ ...get(), method: 'HEAD' }, undefined],
    [{ ...get(), method: 'POST' }, 'method'],
    [{ ...get(), method: 'OPTIONS' }, 'method'],
    [get({}, true), 'user'],
    [get({ authorization: '' }), 'authorization'],
    [get({}, false, true), 'body'],
    [get({ upgrade: 'websocket' }), 'upgrade'],
    [get({ accept: 'text/html, text/event-stream' }), 'event-stream'],
    [get({ 'if-match': '"a"' }), 'if-match'],
    [get({ 'x-forwarded-host': 'keyed, not refused' }), undefined],
  ])('%j: %s', (request, reason) => {
    expect(bypassReason(request, open)).toBe(reason);
  });

  it('a scope lifts what is refused for credentials alone', () => {
    const scoped = { ...open, scoped: true };
    expect(bypassReason(get({ authorization: 'a', cookie: 'b' }, true), scoped)).toBeUndefined();
    expect(bypassReason(get({ 'if-match': '"a"' }), scoped)).toBe('if-match');
    expect(bypassReason(get({ 'x-original-url': '/admin' }), scoped)).toBe('x-original-url');
  });

  it('a declared header is part of the key, so it does not refuse', () => {
    const declared = { ...open, vary: new Set(['authorization', 'x-original-url']) };
    expect(bypassReason(get({ authorization: 'a', 'x-original-url': '/b' }), declared)).toBeUndefined();
    expect(bypassReason(get({ authorization: 'a', cookie: 'b' }), declared)).toBe('cookie');
  });
});

describe('A response', () => {
  it('only whole and successful ones are stored', () => {
    for (const status of [200, 203, 301, 308]) expect(refusalReason(status, {})).toBeUndefined();
    for (const status of [100, 201, 204, 206, 302, 303, 304, 307, 400, 401, 404, 410, 500, 503])
      expect(refusalReason(status, {})).toBe('status');
  });

  it.each([
    ['private', 'private'],
    ['Private', 'private'],
    ['public, max-age=9, no-store', 'no-store'],
    ['no-cache="set-cookie"', 'no-cache'],
    ['private=" authorization"', 'private'],
    ['private =x', 'cache-control'],
    ['max-age=9, "', 'cache-control'],
    ['max-age="9', 'cache-control'],
    ['max-age=9;private', 'cache-control'],
    ['ext="no-store, private", max-age=9', undefined],
    ['ext="a\\"b", private', 'private'],
    ['public, max-age=9', undefined],
    [', ,max-age=9,,', undefined],
    ['xprivate, private-x', undefined],
    [['max-age=9', 'private'], 'private'],
  ])('Cache-Control %j: %s', (control, reason) => {
    expect(personalReason({ 'cache-control': control as string })).toBe(reason);
  });

  it('parsing never throws and never hangs, whatever the field', () => {
    fc.assert(
      fc.property(fc.string(), (field) => {
        const control = parseCacheControl(field);
        return typeof control.malformed === 'boolean' && control.seconds('max-age') !== -1;
      }),
    );
    expect(parseCacheControl(`a="${'\\'.repeat(50_000)}`).malformed).toBe(true);
    expect(parseCacheControl(', '.repeat(50_000)).malformed).toBe(false);
  });

  const now = Date.UTC(2026, 6, 1, 10);
  it.each([
    [{}, 60_000],
    [{ 'cache-control': 'max-age=10' }, 10_000],
    [{ 'cache-control': 'max-age=100' }, 60_000],
    [{ 'cache-control': 'max-age="10"' }, 10_000],
    [{ 'cache-control': 'max-age=10, max-age=5' }, 5_000],
    [{ 'cache-control': 'max-age=1.5' }, 0],
    [{ 'cache-control': 'max-age=-1' }, 0],
    [{ 'cache-control': 'max-age' }, 0],
    [{ 'cache-control': 'max-age=99999999999999999999' }, 60_000],
    [{ 'cache-control': 's-maxage=3, max-age=10' }, 3_000],
    [{ 'cache-control': 'max-age=10', expires: 'Thu, 01 Jan 1970 00:00:00 GMT' }, 10_000],
    [{ expires: 'Wed, 01 Jul 2026 10:00:20 GMT' }, 20_000],
    [{ expires: 'Wed, 01 Jul 2026 10:00:20 GMT', date: 'Wed, 01 Jul 2026 10:00:15 GMT' }, 5_000],
    [{ expires: 'Wed, 01 Jul 2026 09:00:00 GMT' }, 0],
    [{ expires: '0' }, 0],
    [{ expires: '2036-07-01T10:00:00Z' }, 0],
  ])('%j lives for %d ms of 60,000', (headers, lives) => {
    const rules = { freshness: 'route', ttl: 60_000, staleWhileRevalidate: 0, staleIfError: 0 } as const;
    expect(lifetimes({ status: 200, headers, age: 0 }, rules, now).ttl).toBe(lives);
  });

  it('Vary: names in lower case, the encoding implied, anything else means everything', () => {
    expect(varyNames({ vary: 'Accept, accept ,ORIGIN,' })).toEqual(new Set(['accept', 'origin']));
    expect(varyNames({ vary: ['Accept', 'Origin'] as unknown as string })).toEqual(
      new Set(['accept', 'origin']),
    );
    expect(varyNames({ 'content-encoding': 'br' })).toEqual(new Set(['accept-encoding']));
    for (const vary of ['*', 'Accept, *', 'a b', 'Accept;Origin', '"Accept"'])
      expect(varyNames({ vary })).toBe('*');
  });
});

describe('Conditions', () => {
  const validators = { etag: 'W/"a,b"', lastModified: 'Wed, 01 Jul 2026 10:00:00 GMT' };
  it.each([
    [{ 'if-none-match': '"a,b"' }, true],
    [{ 'if-none-match': 'W/"a,b"' }, true],
    [{ 'if-none-match': '"x", W/"a,b"' }, true],
    [{ 'if-none-match': '"x","y"' }, false],
    [{ 'if-none-match': '"a"' }, false],
    [{ 'if-none-match': 'a,b' }, false],
    [{ 'if-none-match': '"x" "a,b"' }, false],
    [{ 'if-none-match': ' * ' }, true],
    [{ 'if-none-match': '"*"' }, false],
    [{ 'if-modified-since': 'Wed, 01 Jul 2026 10:00:00 GMT' }, true],
    [{ 'if-modified-since': 'Wed, 01 Jul 2026 09:59:59 GMT' }, false],
    [{ 'if-modified-since': '2026-07-02' }, false],
    [{ 'if-modified-since': 'Wed, 01 Jul 2026 10:00:00 GMT', 'if-none-match': '"x"' }, false],
    [{}, false],
  ])('%j: %s', (headers, notModified) => {
    expect(isNotModified(headers, validators)).toBe(notModified);
  });

  it('dates that only a browser would read are none', () => {
    for (const date of [
      '1 Jul 2026',
      'Wed, 1 Jul 2026 10:00:00 GMT',
      'Wed, 01 Jul 2026 10:00:00 CET',
      0,
      undefined,
    ])
      expect(parseHttpDate(date)).toBeUndefined();
  });
});

describe('Cache-Status', () => {
  it('is a structured field that says why', () => {
    expect(cacheStatus({ hit: true, ttl: 57 })).toBe('flora; hit; ttl=57');
    expect(cacheStatus({ hit: false, fwd: 'uri-miss', stored: true })).toBe('flora; fwd=uri-miss; stored');
    expect(cacheStatus({ hit: false, fwd: 'bypass', detail: 'cookie' })).toBe(
      'flora; fwd=bypass; detail=cookie',
    );
    expect(cacheStatus({ hit: false, fwd: 'vary-miss', collapsed: true })).toBe(
      'flora; fwd=vary-miss; collapsed',
    );
  });
});
