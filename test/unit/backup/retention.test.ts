import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decideRetention,
  type RetentionCandidate,
  type RetentionPolicy,
} from '../../../src/backup/retention.js';

const NOW = Date.parse('2026-03-15T12:00:00Z');
const DAY = 86_400_000;

const backup = (id: string, daysAgo: number, more: Partial<RetentionCandidate> = {}): RetentionCandidate => ({
  id,
  createdAt: new Date(NOW - daysAgo * DAY),
  bytes: 100,
  source: 'shop',
  ...more,
});

const daily = Array.from({ length: 40 }, (_, day) => backup(`d${day}`, day));

describe('retention', () => {
  it('keeps what is younger than so many days', () => {
    const { keep, remove } = decideRetention(daily, { days: 7 }, NOW);
    expect(keep).toEqual(['d6', 'd5', 'd4', 'd3', 'd2', 'd1', 'd0']);
    expect(remove).toHaveLength(33);
    expect(remove[0]).toBe('d39');
  });

  it('keeps the newest ones', () => {
    expect(decideRetention(daily, { keepLast: 3 }, NOW).keep).toEqual(['d2', 'd1', 'd0']);
  });

  it('keeps what any rule keeps', () => {
    expect(decideRetention(daily, { keepLast: 1, days: 3 }, NOW).keep).toEqual(['d2', 'd1', 'd0']);
    expect(decideRetention(daily, { keepLast: 3, days: 1 }, NOW).keep).toEqual(['d2', 'd1', 'd0']);
  });

  it('keeps the newest of each hour, day, week, month and year', () => {
    const at = (id: string, time: string) => backup(id, 0, { createdAt: new Date(time) });
    const all = [
      at('sun-late', '2026-03-15T11:50:00Z'),
      at('sun-early', '2026-03-15T11:10:00Z'),
      at('sun-before', '2026-03-15T10:59:59Z'),
      at('mon', '2026-03-09T00:00:00Z'),
      at('last-sun', '2026-03-08T23:59:59Z'),
      at('feb', '2026-02-28T23:59:59Z'),
      at('dec', '2025-12-31T23:59:59Z'),
      at('old', '2024-01-01T00:00:00Z'),
    ];
    const kept = (policy: RetentionPolicy) => decideRetention(all, policy, NOW).keep.toReversed();
    expect(kept({ hourly: 2 })).toEqual(['sun-late', 'sun-before']);
    expect(kept({ daily: 3 })).toEqual(['sun-late', 'mon', 'last-sun']);
    expect(kept({ weekly: 3 })).toEqual(['sun-late', 'last-sun', 'feb']);
    expect(kept({ monthly: 3 })).toEqual(['sun-late', 'feb', 'dec']);
    expect(kept({ yearly: 9 })).toEqual(['sun-late', 'dec', 'old']);
  });

  it('keeps the newest that each storage has, while later ones did not get there', () => {
    const at = (id: string, daysAgo: number, ...at: string[]) => backup(id, daysAgo, { at });
    const all = [
      at('new', 0, 'disk'),
      at('blog', 1, 'bucket', 'disk'),
      at('both', 2, 'disk', 'bucket'),
      at('old', 3, 'disk', 'bucket', 'tape'),
      at('oldest', 4, 'bucket'),
    ];
    all[1] = { ...all[1]!, source: 'blog' };
    for (const policy of [{ keepLast: 1 }, { days: 0.1 }, { maxBytes: 1 }])
      expect(decideRetention(all, policy, NOW)).toEqual({
        remove: ['oldest'],
        keep: ['old', 'both', 'blog', 'new'],
      });
  });

  it('then lets the oldest go until the rest fits', () => {
    expect(decideRetention(daily, { maxBytes: 350 }, NOW).keep).toEqual(['d2', 'd1', 'd0']);
    expect(decideRetention(daily, { keepLast: 5, maxBytes: 250 }, NOW).keep).toEqual(['d1', 'd0']);
    expect(decideRetention(daily, { maxBytes: 1 }, NOW).keep).toEqual(['d0']);
  });

  it('never lets the last one go, however old', () => {
    expect(decideRetention([backup('only', 4_000)], { days: 1 }, NOW)).toEqual({
      keep: ['only'],
      remove: [],
    });
  });

  it('counts every source for itself', () => {
    const all = [backup('blog', 90, { source: 'blog' }), ...daily];
    expect(decideRetention(all, { days: 2 }, NOW).keep).toEqual(['blog', 'd1', 'd0']);
    expect(decideRetention(all, { keepLast: 2 }, NOW).keep).toEqual(['blog', 'd1', 'd0']);
  });

  it('keeps what was made in the future, by a clock that went wrong', () => {
    expect(decideRetention([backup('future', -30), ...daily], { days: 1 }, NOW).keep).toEqual([
      'd0',
      'future',
    ]);
  });

  it('never lets one from the future stand for those that are made now', () => {
    const all = [backup('future', -30), ...daily];
    expect(decideRetention(all, { keepLast: 2 }, NOW).keep).toEqual(['d1', 'd0', 'future']);
    expect(decideRetention(all, { daily: 2 }, NOW).keep).toEqual(['d1', 'd0', 'future']);
    expect(decideRetention(all, { maxBytes: 250 }, NOW).keep).toEqual(['d1', 'd0', 'future']);
    expect(decideRetention(all.slice(0, 2), { maxBytes: 1 }, NOW).keep).toEqual(['d0', 'future']);
    expect(decideRetention([backup('future', -30), backup('old', 90)], { days: 1 }, NOW).keep).toEqual([
      'old',
      'future',
    ]);
  });

  it.each([
    {},
    { days: undefined },
    { days: 0 },
    { days: -1 },
    { days: Number.NaN },
    { days: Infinity },
    { days: '7' },
    { keepLast: 0 },
    { keepLast: 1.5 },
    { keepLast: -3 },
    { maxBytes: 0 },
    { weekly: Number.NaN },
    { daily: 7, unknown: 1 },
    null,
    [],
  ])('refuses the policy %j', (policy) => {
    expect(() => decideRetention(daily, policy as RetentionPolicy, NOW)).toThrow(
      expect.objectContaining({ code: 'INVALID_RETENTION' }),
    );
  });

  it('whatever the policy, keeps or removes each once; the newest of every source and the future stay', () => {
    const count = fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined });
    const policies = fc.record({
      days: count,
      keepLast: count,
      daily: count,
      weekly: count,
      maxBytes: count,
    });
    const backups = fc.array(
      fc.record({
        age: fc.integer({ min: -5, max: 60 }),
        source: fc.constantFrom('a', 'b'),
        bytes: fc.nat(5),
      }),
    );
    fc.assert(
      fc.property(policies, backups, (policy, found) => {
        fc.pre(Object.values(policy).some((value) => value !== undefined));
        const all = found.map(({ age, source, bytes }, index) => backup(`i${index}`, age, { source, bytes }));
        const { keep, remove } = decideRetention(all, policy, NOW);
        expect([...keep, ...remove].toSorted()).toEqual(all.map(({ id }) => id).toSorted());
        for (const source of new Set(all.map(({ source }) => source))) {
          const mine = all.filter((one) => one.source === source);
          const times = mine.map(({ createdAt }) => +createdAt).filter((time) => time <= NOW);
          const kept = mine.filter(({ id }) => keep.includes(id)).map(({ createdAt }) => +createdAt);
          if (times.length > 0) expect(kept).toContain(Math.max(...times));
          expect(kept.filter((time) => time > NOW)).toHaveLength(mine.length - times.length);
        }
      }),
    );
  });
});
