import mongoose from 'mongoose';
import { BackupError } from '../backup.errors.js';
import { ADVICE } from './advice.js';
import { scrub } from './scrub.js';

/** An error of the MongoDB driver, or of the server behind it. */
export interface DriverError extends Error {
  code?: unknown;
  codeName?: unknown;
}

export function isOfDriver(error: unknown): error is DriverError {
  const name = (error as Error | undefined)?.name ?? '';
  return error instanceof mongoose.mongo.MongoError || /^(Mongo|BSON)/.test(name);
}

/** An answer that came while the server or its primary went away: what was asked for may be done. */
const INTERRUPTED: readonly unknown[] = [64, 91, 189, 11_600, 11_602];

const NOT_AUTHORIZED = 13;
/** Nothing that is wrong with an index. */
const OUT_OF_DISK_SPACE = 14_031;

/** What the server said to the indexes of a collection: where it refuses them, the backup is not what it should be. */
export function indexFailure(namespace: string, error: DriverError): unknown {
  if (!isRefusal(error) || error.code === NOT_AUTHORIZED || error.code === OUT_OF_DISK_SPACE) return error;
  return new BackupError('RESTORE_MISMATCH', {
    problem: `The indexes of ${namespace} can't be made: ${scrub(error.message, [])}`,
    advice: ADVICE.RESTORE_MISMATCH,
    cause: error,
  });
}

/** True when the server answered that it does not do it. */
export function isRefusal({ name, code }: DriverError): boolean {
  return name === 'MongoServerError' && !INTERRUPTED.includes(code);
}

/** Without the driver's error as its cause where that may quote the connection string. */
export function serverFailure(error: DriverError, secret: string): BackupError {
  const code = codeOf(error);
  const quotes = error.name === 'MongoParseError' || error.name === 'MongoInvalidArgumentError';
  return new BackupError(code, {
    problem: `MongoDB: ${scrub(error.message, [secret])}`,
    ...(code in ADVICE ? { advice: ADVICE[code as keyof typeof ADVICE] } : {}),
    ...(quotes ? {} : { cause: error }),
  });
}

function codeOf({ name, code }: DriverError) {
  if (code === 18 || code === 11) return 'AUTHENTICATION_FAILED';
  if (code === 13) return 'NOT_AUTHORIZED';
  return /Network|ServerSelection|Topology/.test(name) ? 'SERVER_UNREACHABLE' : 'SERVER_FAILED';
}
