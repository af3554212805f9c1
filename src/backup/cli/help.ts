import type { Command, Flag } from './command.js';
import { COMMON } from './command-line.js';

export function helpOf(commands: readonly Command[]): string {
  return [
    'flora-backup: backups of MongoDB, made, proved and restored.',
    '',
    'Usage: flora-backup COMMAND [ARGUMENT] [FLAGS]',
    '',
    'Commands',
    ...columns(
      commands.map(({ name, argument, about }): [string, string] => [
        [name, placeOf(argument)].join(' ').trim(),
        about,
      ]),
    ),
    '',
    'Flags of all commands',
    ...columns(flagRows(COMMON)),
    '',
    'Everything else comes from the environment: MONGO_URI, BACKUP_DIR or BACKUP_STORAGE, BACKUP_RETENTION_DAYS,',
    'BACKUP_KEYS, BACKUP_ENGINE, BACKUP_LOCK, MONGO_TOOLS_DIR, … as in the .env.example of the package.',
    '',
    'Ends with 0: done; 1: failed; 2: command line or environment wrong; 3: done, and the answer is bad (damaged, too',
    'old, not everywhere); 4: refused, nothing was touched; 130 and the like: ended by a signal.',
  ].join('\n');
}

export function helpOfCommand({ name, argument, about, details, flags = {} }: Command): string {
  const usage = ['flora-backup', name, placeOf(argument), '[FLAGS]'].filter(Boolean).join(' ');
  return [
    about,
    '',
    `Usage: ${usage}`,
    ...(details ? ['', details] : []),
    ...(argument ? ['', ...columns([[argument.name, argument.about]])] : []),
    '',
    'Flags',
    ...columns([...flagRows(flags), ...flagRows(COMMON)]),
  ].join('\n');
}

function placeOf(argument: Command['argument']): string {
  if (!argument) return '';
  return argument.isRequired ? argument.name : `[${argument.name}]`;
}

function flagRows(flags: Readonly<Record<string, Flag>>): [string, string][] {
  return Object.entries(flags).map(([name, { value, about }]) => [
    [`--${name}`, value].filter(Boolean).join(' '),
    about,
  ]);
}

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([first]) => first.length));
  return rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`);
}
