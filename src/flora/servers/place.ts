import { ProgramNotFoundError } from './servers.errors.js';
import { type Program, versionOf } from './program.js';

/** PORT: somewhere a program may be had from. */
export abstract class Place {
  /** Completes "mongod from …" and "… : there is no mongod". */
  abstract readonly name: string;
  /** Looking here takes so long that people should know. */
  readonly isSlow: boolean = false;

  /**
   * The path of the program's first file.
   *
   * @throws Error whose message says why it can't be had here
   */
  abstract look(): Promise<string>;
}

/** A program that was found and that runs. */
export interface Found {
  program: Program;
  /** Of its first file. */
  path: string;
  version: string;
  /** The place it came from. */
  from: string;
}

/**
 * Looks in one place after the other and takes the first program that runs.
 *
 * @throws ProgramNotFoundError with what was wrong in each place
 */
export async function find(
  program: Program,
  places: readonly Place[],
  log: (line: string) => void = () => {},
  version: typeof versionOf = versionOf,
): Promise<Found> {
  const tried: string[] = [];
  for (const place of places) {
    try {
      if (place.isSlow) log(`${program.product}: trying ${place.name} …`);
      const path = await place.look();
      return { program, path, version: await version(program, path), from: place.name };
    } catch (error) {
      tried.push(`${place.name}: ${(error as Error).message}`);
    }
  }
  throw new ProgramNotFoundError(program.product, tried, program.advice);
}

/** `MongoDB 6.0.5 (mongod from the local cache)`. */
export function described({ program, version, from }: Found): string {
  return `${program.product} ${version} (${program.files.join(' and ')} from ${from})`;
}
