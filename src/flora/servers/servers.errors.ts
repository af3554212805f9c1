import { FloraError } from '../../errors.js';

/** Thrown when a program is in none of the places where it was looked for. */
export class ProgramNotFoundError extends FloraError<'PROGRAM_NOT_FOUND'> {
  constructor(
    readonly program: string,
    readonly tried: readonly string[],
    advice: string,
  ) {
    super('PROGRAM_NOT_FOUND', {
      problem: `${program} can't be had (${tried.join('; ')})`,
      advice,
    });
  }
}

/** Thrown when a server was found, but ends or stays silent instead of serving. */
export class ServerStartError extends FloraError<'SERVER_START_FAILED'> {
  constructor(server: string, problem: string, cause?: unknown) {
    super('SERVER_START_FAILED', { problem: `${server} did not start: ${problem}`, cause });
  }
}
