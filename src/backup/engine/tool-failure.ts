import { BackupError } from '../backup.errors.js';
import { ADVICE } from './advice.js';

/** What a tool's own words mean. The first that fits. */
const MEANINGS: readonly [RegExp, keyof typeof ADVICE][] = [
  [/auth(entication)? (error|failed)|AuthenticationFailed/i, 'AUTHENTICATION_FAILED'],
  // What is wrong with the server just now says nothing about the indexes.
  [
    /createIndex error: \((?!Interrupted|NotWritable|NotPrimary|Primary|Shutdown|OutOfDisk|Exceeded|Unauthorized|WriteConcern)/,
    'RESTORE_MISMATCH',
  ],
  [/already exists on the destination|NamespaceExists/, 'TARGET_NOT_EMPTY'],
  [/not authorized|Unauthorized|requires authentication/i, 'NOT_AUTHORIZED'],
  [
    /server selection (error|timeout)|no reachable servers|connection refused|no such host|i\/o timeout|socket was unexpectedly closed|connection\(.*(closed|EOF|reset)/i,
    'SERVER_UNREACHABLE',
  ],
];

/**
 * The error for a tool that ended with an exit code other than 0, or by a signal: no exit code tells why, only its
 * last words do.
 */
export function toolFailure(
  tool: string,
  end: { exitCode?: number | undefined; signal?: string | undefined },
  reason: string,
): BackupError {
  const [, code] = MEANINGS.find(([words]) => words.test(reason)) ?? [];
  const how = end.signal ? `was ended by ${end.signal}` : `ended with exit code ${end.exitCode}`;
  return new BackupError(code ?? 'TOOL_FAILED', {
    problem: `${tool} ${how}: ${reason}`,
    ...(code ? { advice: ADVICE[code] } : {}),
  });
}
