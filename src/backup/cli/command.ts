import type { BackupService } from '../backup.service.js';
import type { ProgressListener } from '../progress.js';

/**
 * What the process ends with:
 * - 0: done;
 * - 1: it failed;
 * - 2: the command line, or the environment, is wrong: nothing was begun;
 * - 3: done, and the answer is bad: a backup is damaged, too old, could not be removed or copied everywhere;
 * - 4: refused, and nothing was touched: the target isn't empty, another process is at it, a hook said no.
 *
 * What a signal ended exits with 128 and the number of the signal: 130 after Ctrl-C.
 */
export type ExitCode = 0 | 1 | 2 | 3 | 4;

export interface Flag {
  /** `texts` may be given several times, or as a list with commas. */
  readonly type: 'switch' | 'text' | 'texts' | 'number';
  /** What stands for the value in the help. */
  readonly value?: string;
  readonly about: string;
}

export type FlagValues = Readonly<Record<string, boolean | string | readonly string[] | number>>;

/** What a command is given. */
export interface Call {
  readonly service: BackupService;
  readonly argument: string | undefined;
  readonly flags: FlagValues;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly onProgress: ProgressListener;
  /** Says something before the end: a line for people, an object for `--json`. */
  readonly say: (text: string, result: object) => void;
}

export interface Outcome {
  /** For `--json`. */
  readonly result: object;
  /** For people. */
  readonly text: string;
  readonly exit?: ExitCode;
}

export interface Command {
  readonly name: string;
  readonly about: string;
  /** More, for the help of the command alone. */
  readonly details?: string;
  readonly argument?: { readonly name: string; readonly isRequired: boolean; readonly about: string };
  readonly flags?: Readonly<Record<string, Flag>>;
  readonly run: (call: Call) => Promise<Outcome>;
}
