import type { RetentionPolicy } from '../retention.js';
import type { Command, Flag } from './command.js';
import { bytesText, countText, plain } from './wording.js';

const rule = (value: string, about: string): Flag => ({ type: 'number', value, about });

const RULES = {
  days: ['days', rule('N', 'Keep those younger than so many days.')],
  'keep-last': ['keepLast', rule('N', 'Keep the newest ones.')],
  hourly: ['hourly', rule('N', 'Keep the newest of each of so many hours.')],
  daily: ['daily', rule('N', 'Keep the newest of each of so many days.')],
  weekly: ['weekly', rule('N', 'Keep the newest of each of so many weeks.')],
  monthly: ['monthly', rule('N', 'Keep the newest of each of so many months.')],
  yearly: ['yearly', rule('N', 'Keep the newest of each of so many years.')],
  'max-bytes': ['maxBytes', rule('N', 'Then let the oldest go until the rest is not larger.')],
} as const satisfies Record<string, readonly [keyof RetentionPolicy, Flag]>;

export const cleanup: Command = {
  name: 'cleanup',
  about: 'Remove the backups that retention lets go.',
  details:
    'Without a rule: those older than BACKUP_RETENTION_DAYS (7). What any rule keeps stays, and so does the newest good\nbackup of every database, whatever the rules say. Damaged and foreign things are not touched.',
  flags: {
    ...Object.fromEntries(Object.entries(RULES).map(([name, [, flag]]) => [name, flag])),
    'dry-run': { type: 'switch', about: 'Only tell what would go.' },
  },
  run: async ({ service, flags }) => {
    const rules = Object.entries(RULES).filter(([name]) => Object.hasOwn(flags, name));
    const policy = Object.fromEntries(rules.map(([name, [key]]) => [key, flags[name]])) as RetentionPolicy;
    const dryRun = flags['dry-run'] === true;
    const report = await service.cleanupBackups(rules.length > 0 ? policy : undefined, { dryRun });
    const { removed, kept, ignored, freedBytes, failed } = report;
    const text = [
      ...removed.map((id) => `${dryRun ? 'Would go' : 'Removed'}: ${id}`),
      ...failed.map(({ id, problem }) => `Failed: ${id}: ${plain(problem)}`),
      `${countText(removed.length, 'backup')} ${dryRun ? 'would go' : 'removed'} (${bytesText(freedBytes)}), ${kept.length} kept, ${ignored.length} ignored.`,
    ].join('\n');
    return { result: report, text, exit: failed.length > 0 ? 3 : 0 };
  },
};

export const remove: Command = {
  name: 'delete',
  about: 'Remove one backup, from all storages.',
  argument: { name: 'ID', isRequired: true, about: 'As flora-backup list has it.' },
  run: async ({ service, argument }) => {
    await service.deleteBackup(argument!);
    return { result: { deleted: argument }, text: `Removed: ${argument}` };
  },
};
