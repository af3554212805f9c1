import { parseArgs } from 'node:util';
import { shown } from '../../errors.js';
import type { Command, Flag, FlagValues } from './command.js';
import { nearest, UsageError } from './usage-error.js';

export interface CommandLine {
  /** Undefined: only help, or the version, was asked for. */
  readonly command: Command | undefined;
  readonly argument: string | undefined;
  /** Of the command itself. */
  readonly flags: FlagValues;
  readonly common: {
    readonly json?: boolean;
    readonly help?: boolean;
    readonly version?: boolean;
    readonly env?: string;
  };
}

/** Flags of every command. */
export const COMMON: Readonly<Record<string, Flag>> = {
  json: { type: 'switch', about: 'Print one JSON document, errors included, and no progress.' },
  // Not --env-file: Node 20 takes that for its own, wherever it stands.
  env: { type: 'text', value: 'FILE', about: 'Read variables from a file; those that are set win.' },
  help: { type: 'switch', about: 'Print this.' },
  version: { type: 'switch', about: 'Print the version.' },
};

/** Asked for now and then, and refused: arguments are seen by everyone on the machine. */
const SECRETS: Readonly<Record<string, string>> = {
  uri: 'MONGO_URI',
  password: 'MONGO_URI',
  username: 'MONGO_URI',
  key: 'BACKUP_KEYS',
  secret: 'BACKUP_WEBHOOK_SECRET',
};

/** @throws UsageError for anything that isn't understood, with what was probably meant */
export function readCommandLine(args: readonly string[], commands: readonly Command[]): CommandLine {
  // What is of all commands may stand before it, with its value.
  const at = args.findIndex((arg, index) => !arg.startsWith('-') && args[index - 1] !== '--env');
  const name = at === -1 ? undefined : args[at]!;
  const command = commands.find((each) => each.name === name);
  if (name !== undefined && !command) throw unknownCommand(name, commands);
  const known = { ...COMMON, ...command?.flags };
  const rest = command ? args.toSpliced(at, 1) : [...args];
  const { tokens } = parseArgs({
    args: rest,
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      Object.entries(known).map(([flag, { type }]) => [
        flag,
        {
          type: type === 'switch' ? 'boolean' : 'string',
          ...(flag === 'help' ? { short: 'h' } : {}),
        } as const,
      ]),
    ),
  });
  const values: Record<string, FlagValues[string]> = {};
  const positionals: string[] = [];
  for (const token of tokens)
    if (token.kind === 'positional') positionals.push(token.value);
    else if (token.kind === 'option') take(token, known, values);
  const split = (isCommon: boolean): FlagValues =>
    Object.fromEntries(Object.entries(values).filter(([name]) => Object.hasOwn(COMMON, name) === isCommon));
  const [common, flags] = [split(true), split(false)];
  if (common['help'] || common['version']) return { command, argument: undefined, flags, common };
  if (!command) throw new UsageError('No command was given', 'flora-backup --help lists them');
  return { command, argument: argumentOf(command, positionals), flags, common };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
}

function take(
  token: OptionToken,
  known: Record<string, Flag>,
  values: Record<string, FlagValues[string]>,
): void {
  const { name, rawName, value, inlineValue } = token;
  const flag = Object.hasOwn(known, name) ? known[name] : undefined;
  if (!flag) throw unknownFlag(rawName, name, Object.keys(known));
  if (flag.type === 'switch') {
    if (value !== undefined) throw new UsageError(`${rawName} takes no value`, `write ${rawName} alone`);
    values[name] = true;
    return;
  }
  if (value === undefined || value === '' || (!inlineValue && value.startsWith('-')))
    throw new UsageError(
      `${rawName} lacks its value`,
      `write ${rawName} ${flag.value}, or ${rawName}=${flag.value}`,
    );
  if (flag.type === 'texts') {
    values[name] = [...((values[name] as string[] | undefined) ?? []), ...value.split(',')];
    return;
  }
  if (Object.hasOwn(values, name)) throw new UsageError(`${rawName} was given twice`, 'give it once');
  const number = Number(value);
  if (flag.type === 'number' && (value.trim() === '' || !Number.isFinite(number)))
    throw new UsageError(`${rawName} is ${shown(value)}`, 'give a number');
  values[name] = flag.type === 'number' ? number : value;
}

function argumentOf({ name, argument }: Command, positionals: readonly string[]): string | undefined {
  const [first, ...more] = positionals;
  if (first === undefined && argument?.isRequired)
    throw new UsageError(
      `flora-backup ${name} lacks ${argument.name}: ${argument.about}`,
      `flora-backup ${name} --help tells more`,
    );
  const unwanted = argument ? more[0] : first;
  if (unwanted !== undefined)
    throw new UsageError(
      `${shown(unwanted)} is one argument too many`,
      `flora-backup ${name} --help tells what it takes`,
    );
  return first;
}

function unknownCommand(name: string, commands: readonly Command[]): UsageError {
  const near = nearest(
    name,
    commands.map((command) => command.name),
  );
  return new UsageError(
    `There is no command ${shown(name)}`,
    near ? `${near} was probably meant` : 'flora-backup --help lists them',
  );
}

function unknownFlag(rawName: string, name: string, known: readonly string[]): UsageError {
  const variable = Object.hasOwn(SECRETS, name) ? SECRETS[name] : undefined;
  if (variable)
    return new UsageError(
      `${rawName} is not taken: what is on a command line is seen by every user of the machine, and kept in histories`,
      `set ${variable}, or put it into a file for --env`,
    );
  const near = nearest(name, known);
  return new UsageError(
    `There is no flag ${shown(rawName)}`,
    near ? `--${near} was probably meant` : 'see --help for those there are',
  );
}
