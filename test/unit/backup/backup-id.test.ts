import { describe, expect, it } from 'vitest';
import { BackupIds, checkedBackupId } from '../../../src/backup/backup-id.js';

describe('a backup id', () => {
  it.each(['20260314T020000123Z-9f3ac1d0', 'a', 'A.b_c-9', '0'.repeat(128)])('may be %s', (id) => {
    expect(checkedBackupId(id)).toBe(id);
  });

  it.each([
    '',
    '.',
    '..',
    '../../etc/passwd',
    '/etc/passwd',
    'a/b',
    'a\\b',
    '-rf',
    '_a',
    'a\0',
    'a\n',
    '%2e%2e',
    'ä',
    ' a',
    'a b',
    'a'.repeat(129),
    'a'.repeat(5_000),
    undefined,
    null,
    7,
    {},
    ['a'],
  ])('is never %j', (id) => {
    expect(() => checkedBackupId(id)).toThrow(expect.objectContaining({ code: 'INVALID_BACKUP_ID' }));
  });

  it('has the time that the clock says when that was set back by more than some minutes', () => {
    const ids = new BackupIds();
    ids.next(Date.parse('2027-03-14T02:00:00.123Z'));
    const made = [0, 0, 1].map((later) => ids.next(Date.parse('2026-03-14T02:00:00.123Z') + later));
    expect(made.map((id) => id.slice(0, 18))).toEqual([123, 124, 125].map((ms) => `20260314T020000${ms}`));
  });

  it('sorts in the order of making, even within a millisecond or when the clock goes back', () => {
    const ids = new BackupIds();
    const now = Date.parse('2026-03-14T02:00:00.123Z');
    const made = [now, now, now + 1, now - 60_000, now + 5_000].map((time) => ids.next(time));
    expect(made.toSorted()).toEqual(made);
    expect(made[0]).toMatch(/^20260314T020000123Z-[0-9a-f]{8}$/);
    for (const id of made) expect(checkedBackupId(id)).toBe(id);
  });
});
