import type { Backup } from '../backup.js';
import type { Command, Outcome } from './command.js';
import { bytesText, countText, plain, secondsText, timeText } from './wording.js';

const WHAT = {
  label: { type: 'text', value: 'TEXT', about: 'Kept with the backup.' },
  database: {
    type: 'text',
    value: 'NAME',
    about: "Instead of the one in MONGO_URI; '*' for the whole instance.",
  },
  collections: { type: 'texts', value: 'A,B', about: 'These collections only.' },
} as const;

interface What {
  label?: string;
  database?: string;
  collections?: readonly string[];
}

export const create: Command = {
  name: 'create',
  about: 'Make a backup.',
  details:
    'It is there when this ends with 0, whole, counted and hashed, or not at all. With several storages it ends with 3\nwhere one of them did not get its copy.',
  flags: WHAT,
  run: async ({ service, flags, signal, onProgress }) => {
    const backup = await service.createBackup({ ...(flags as What), signal, onProgress });
    return made(backup);
  },
};

export const copy: Command = {
  name: 'copy',
  about: 'Bring backups into the storages that lack them, or have them damaged.',
  argument: { name: 'ID', isRequired: false, about: 'This one only, into the primary storage, too.' },
  run: async ({ service, argument, signal, onProgress }) => {
    const report = await service.copyBackups({ id: argument, signal, onProgress });
    const lines = [
      ...report.copied.map(({ location }) => `Copied: ${location}`),
      ...report.failed.map(({ location, problem }) => `Failed: ${location}: ${problem}`),
    ];
    const text = lines.length > 0 ? lines.join('\n') : 'Nothing was lacking.';
    return { result: report, text, exit: report.failed.length > 0 ? 3 : 0 };
  },
};

export const schedule: Command = {
  name: 'schedule',
  about: 'Make backups by a cron expression, each followed by retention, until it is stopped.',
  argument: {
    name: 'CRON',
    isRequired: false,
    about: 'Five fields, or six with seconds first. Default: BACKUP_CRON.',
  },
  flags: {
    ...WHAT,
    name: {
      type: 'text',
      value: 'NAME',
      about: 'Processes of the same name make one backup per tick together.',
    },
    timezone: {
      type: 'text',
      value: 'ZONE',
      about: 'In which the expression is read, such as Europe/Vienna.',
    },
    'catch-up': { type: 'switch', about: 'Begin with a backup if one was missed.' },
  },
  run: async ({ service, argument, flags, signal, say }) => {
    const {
      'catch-up': catchUp,
      name,
      timezone,
      label,
      database,
      collections,
    } = flags as What & {
      'catch-up'?: boolean;
      name?: string;
      timezone?: string;
    };
    const cron = argument ?? process.env['BACKUP_CRON'] ?? '';
    const what = { name, timezone, catchUp, label, database, collections };
    const scheduled = service.scheduleBackups(cron, what);
    scheduled.start();
    say(`The next backup is made at ${timeText(scheduled.next)} UTC.`, {
      name: scheduled.name,
      next: scheduled.next,
    });
    // Held open by the job alone; nothing else is to be waited for.
    const open = setInterval(() => undefined, 60_000);
    if (!signal.aborted)
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    clearInterval(open);
    scheduled.stop();
    return { result: { stopped: true }, text: 'Stopped.' };
  },
};

function made(backup: Backup): Outcome {
  const { id, documents = 0, bytes = 0, codec, seconds = 0, namespaces = [], location, copies = [] } = backup;
  const lacking = copies.filter(({ status }) => status !== 'good');
  const what = `${countText(documents, 'document')} in ${countText(namespaces.length, 'collection')}`;
  return {
    result: backup,
    text: [
      `${id}: ${what}, ${bytesText(bytes)} (${codec}), ${secondsText(seconds)}`,
      ...(copies.length > 0
        ? copies.map((each) => `${each.status.padEnd(7)}  ${each.location}`)
        : [location]),
      ...lacking.map(({ problem }) => plain(problem ?? '')),
    ].join('\n'),
    exit: lacking.length > 0 ? 3 : 0,
  };
}
