import { describe, expect, it } from 'vitest';
import { lastFire } from '../../../src/backup/schedule/cron-expression.js';

const at = (text: string): number => Date.parse(text);
const vienna = (cron: string, now: string): string =>
  new Date(lastFire(cron, 'Europe/Vienna', at(now))!).toISOString();

describe('when an expression last fired', () => {
  it('is the tick itself at its moment, and the one before until then', () => {
    expect(vienna('0 3 * * *', '2026-07-01T01:00:00.000Z')).toBe('2026-07-01T01:00:00.000Z');
    expect(vienna('0 3 * * *', '2026-07-01T00:59:59.999Z')).toBe('2026-06-30T01:00:00.000Z');
    expect(vienna('*/10 * * * * *', '2026-07-01T00:00:19.999Z')).toBe('2026-07-01T00:00:10.000Z');
  });

  it('is found years back, and is nothing where there was none for years', () => {
    expect(vienna('0 0 1 1 *', '2026-12-31T12:00:00Z')).toBe('2025-12-31T23:00:00.000Z');
    expect(vienna('0 0 29 2 *', '2027-06-01T00:00:00Z')).toBe('2024-02-28T23:00:00.000Z');
  });

  it('is found as quickly where there are tens of thousands before it', () => {
    expect(vienna('* * * * 1 *', '2026-12-01T00:00:00Z')).toBe('2026-01-31T22:59:59.000Z');
  });

  it.each([
    ['a night of 23 hours, where 02:30 is made up for at 03:00', '2026-03-29T01:00:00.000Z'],
    ['the day after it', '2026-03-30T00:30:00.000Z'],
    ['a night of 25 hours', '2026-10-25T00:30:00.000Z'],
    ['the same night, when it is 02:30 again', '2026-10-25T01:30:00.000Z'],
    ['the day after that', '2026-10-26T01:30:00.000Z'],
  ])('is the same tick for processes that are up to half a minute late, in %s', (_, tick) => {
    for (const late of [0, 5, 999, 29_000])
      expect(vienna('30 2 * * *', new Date(at(tick) + late).toISOString())).toBe(tick);
  });

  it('ends where clocks are set back by half an hour', () => {
    const now = at('2026-04-04T16:00:00Z');
    expect(lastFire('*/15 * * * *', 'Australia/Lord_Howe', now)).toBeLessThanOrEqual(now);
  });
});
