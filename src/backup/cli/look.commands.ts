import type { Backup, BackupStatus } from '../backup.js';
import type { VerifyLevel } from '../verification.js';
import type { Command } from './command.js';
import { bytesText, countText, plain, secondsText, table, timeText } from './wording.js';

export const list: Command = {
  name: 'list',
  about: 'List backups, newest first, and what else lies in their place.',
  flags: {
    status: { type: 'text', value: 'STATUS', about: 'Only those that are good, damaged or foreign.' },
    database: {
      type: 'text',
      value: 'NAME',
      about: "Only those of this database; '*': of the whole instance.",
    },
    label: { type: 'text', value: 'TEXT', about: 'Only those with this label.' },
  },
  run: async ({ service, flags }) => {
    const { status, database, label } = flags as { status?: BackupStatus; database?: string; label?: string };
    const backups = await service.listBackups({ status, database, label });
    const rows = backups.map((backup) => [
      plain(backup.id),
      statusOf(backup),
      timeText(backup.createdAt),
      plain(backup.database ?? ''),
      backup.documents?.toLocaleString('en-US') ?? '',
      backup.bytes === undefined ? '' : bytesText(backup.bytes),
      plain(backup.label ?? ''),
    ]);
    const head = ['ID', 'STATUS', 'MADE (UTC)', 'DATABASE', 'DOCUMENTS', 'STORED', 'LABEL'];
    return { result: backups, text: rows.length > 0 ? table(head, rows) : 'There are no backups.' };
  },
};

export const show: Command = {
  name: 'show',
  about: 'Tell all that is known of a backup.',
  argument: { name: 'ID', isRequired: true, about: 'As flora-backup list has it.' },
  run: async ({ service, argument }) => {
    const backup = await service.getBackup(argument!);
    const { namespaces = [], copies = [], plainBytes, bytes, engine } = backup;
    const facts: [string, string | undefined][] = [
      ['id', backup.id],
      ['status', statusOf(backup)],
      ['problem', backup.problem],
      ['location', backup.location],
      ['label', backup.label],
      [
        'made',
        backup.createdAt && `${timeText(backup.createdAt)} UTC, in ${secondsText(backup.seconds ?? 0)}`,
      ],
      ['database', backup.database],
      ['collections', backup.collections?.join(', ')],
      ['documents', backup.documents?.toLocaleString('en-US')],
      [
        'stored',
        bytes === undefined
          ? undefined
          : `${bytesText(bytes)} of ${bytesText(plainBytes ?? 0)} (${backup.codec})`,
      ],
      ['key', backup.keyId],
      ['sha256', backup.sha256],
      ['server', backup.serverVersion],
      ['engine', engine && `${engine.name} ${engine.version}`],
      ...copies.map(({ status, location }): [string, string] => ['copy', `${status}: ${location}`]),
    ];
    const known = facts
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, plain(value!)]);
    const rows = namespaces.map(({ database, collection, type, documents, bytes, indexes }) => [
      plain(`${database}.${collection}`),
      type,
      documents.toLocaleString('en-US'),
      bytesText(bytes),
      String(indexes.length),
    ]);
    const held =
      rows.length > 0 ? `\n\n${table(['NAMESPACE', 'TYPE', 'DOCUMENTS', 'BYTES', 'INDEXES'], rows)}` : '';
    const width = Math.max(...known.map(([name]) => name!.length));
    return {
      result: backup,
      text: known.map(([name, value]) => `${name!.padEnd(width)}  ${value}`).join('\n') + held,
      exit: backup.status === 'good' ? 0 : 3,
    };
  },
};

export const verify: Command = {
  name: 'verify',
  about: 'Prove that a backup is what was stored, in every storage that has it.',
  argument: { name: 'ID', isRequired: true, about: "As flora-backup list has it, or 'latest'." },
  flags: {
    level: {
      type: 'text',
      value: 'LEVEL',
      about:
        "'hash': the stored bytes; 'archive' (default): each document, too; 'restore': by a restore for trial.",
    },
  },
  run: async ({ service, argument, flags, signal, onProgress }) => {
    const id = argument === 'latest' ? await latest(service) : argument!;
    const level = flags['level'] as VerifyLevel | undefined;
    const report = await service.verifyBackup(id, { level, signal, onProgress });
    const { good, problem, documents, bytes, seconds, copies = [] } = report;
    const what = `${bytesText(bytes)}${documents > 0 ? `, ${countText(documents, 'document')}` : ''}`;
    const verdict = good
      ? `${id} is good: ${what}, ${secondsText(seconds)}`
      : `${id} is not good: ${plain(problem!)}`;
    const lines = copies.map(({ status, location }) => `${status.padEnd(7)}  ${location}`);
    return { result: report, text: [verdict, ...lines].join('\n'), exit: good ? 0 : 3 };
  },
};

export const health: Command = {
  name: 'health',
  about: 'Say whether the newest good backup is young enough (BACKUP_STALE_AFTER, 26h).',
  run: async ({ service }) => {
    const { backup } = await service.checkHealth();
    const { status, message, lastGood } = backup;
    const age = lastGood ? `${lastGood.id} was made ${secondsText(lastGood.ageSeconds)} ago.` : '';
    return { result: backup, text: [message, age].filter(Boolean).join(' '), exit: status === 'up' ? 0 : 3 };
  },
};

async function latest(service: Parameters<Command['run']>[0]['service']): Promise<string> {
  const good = await service.listBackups({ status: 'good' });
  const newest = good.find(({ createdAt }) => createdAt!.getTime() <= Date.now()) ?? good[0];
  // The service says that there is none as it does elsewhere.
  return newest?.id ?? 'latest';
}

function statusOf({ status, copies = [] }: Backup): string {
  const good = copies.filter((each) => each.status === 'good').length;
  return copies.length > 0 && good > 0 && good < copies.length
    ? `${status} ${good}/${copies.length}`
    : status;
}
