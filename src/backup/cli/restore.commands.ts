import type { Command } from './command.js';
import { countText, plain, secondsText, table } from './wording.js';

export const restore: Command = {
  name: 'restore',
  about: 'Put a backup back.',
  details:
    'The whole backup is proved before anything is touched. Then all of it is loaded beside what is there, counted, and\nput in its place. Without --force a target that is not empty is refused.',
  argument: {
    name: 'ID|latest|PATH',
    isRequired: true,
    about:
      "An id, 'latest' for the newest good one, or the path of a folder with a manifest (with a / in it).",
  },
  flags: {
    to: { type: 'text', value: 'DATABASE', about: 'Into this database instead of the one it was made of.' },
    collections: { type: 'texts', value: 'A,B', about: 'These collections only.' },
    force: { type: 'switch', about: 'Replace what is there.' },
    'dry-run': { type: 'switch', about: 'Prove the backup and tell what would happen; touch nothing.' },
  },
  run: async ({ service, argument, flags, signal, onProgress }) => {
    const {
      to,
      collections,
      force,
      'dry-run': dryRun,
    } = flags as {
      to?: string;
      collections?: readonly string[];
      force?: boolean;
      'dry-run'?: boolean;
    };
    const options = { to, collections, force, dryRun, signal, onProgress };
    const report = await service.restoreBackup(argument!, options);
    const { refusal, namespaces, skipped, documents, seconds } = report;
    const rows = namespaces.map(({ from, to, type, documents, replaced }) => [
      plain(from),
      plain(to),
      type,
      documents.toLocaleString('en-US'),
      replaced ? 'replaced' : 'new',
    ]);
    const verb = dryRun ? 'would be restored' : 'restored';
    const text = [
      table(['FROM', 'TO', 'TYPE', 'DOCUMENTS', ''], rows),
      ...(skipped.length > 0
        ? [`Left out: ${countText(skipped.length, 'namespace')} of the server's own.`]
        : []),
      refusal
        ? `It would be refused: ${plain(refusal.message)}`
        : `${report.id}: ${countText(documents, 'document')} ${verb}, ${secondsText(seconds)}`,
    ].join('\n');
    return { result: report, text, exit: refusal ? 4 : 0 };
  },
};

export const recover: Command = {
  name: 'recover',
  about: 'End what killed processes have left: unfinished backups, and restores that were cut short.',
  details: 'Every backup and every restore does this by itself, as does the start of an application.',
  run: async ({ service }) => {
    await service.recover();
    return { result: { recovered: true }, text: 'Nothing is left half done.' };
  },
};
