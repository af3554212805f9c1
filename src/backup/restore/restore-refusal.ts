import { BackupError, list, TargetNotEmptyError } from '../backup.errors.js';
import { nameOf } from '../create/dump-plan.js';
import type { ServerNamespace } from '../engine/database-server.js';
import type { RestorePlan } from './restore-plan.js';
import { isOurs } from './scratch.js';

/** What the target is like. */
export interface RestoreTarget {
  /** All in the databases of the plan. */
  readonly namespaces: readonly ServerNamespace[];
  readonly serverVersion: string;
  /** What scratch collections' names will begin with. */
  readonly prefix: string;
}

/** Of a namespace: database, dot and collection. */
const LONGEST_NAMESPACE = 255;

/**
 * Why a restore must not even begin, or undefined.
 *
 * @param madeFrom version of the server that the backup was made from
 */
export function refusalOf(
  plan: RestorePlan,
  target: RestoreTarget,
  madeFrom: string,
  force: boolean,
): BackupError | undefined {
  if (isOlder(target.serverVersion, madeFrom))
    return new BackupError('SERVER_TOO_OLD', {
      problem: `The server is of version ${target.serverVersion}, the backup was made from ${madeFrom}`,
      expected: 'a server of the same version or a newer one',
    });
  const inTheWay = force ? unreplaceable(plan, target) : occupied(plan, target);
  if (inTheWay.length > 0) return force ? cantReplace(inTheWay) : new TargetNotEmptyError(inTheWay);
  const tooLong = plan.steps.filter(
    (step) =>
      step.way !== 'direct' && Buffer.byteLength(nameOf(step)) + target.prefix.length > LONGEST_NAMESPACE,
  );
  if (tooLong.length > 0)
    return new BackupError('RESTORE_REFUSED', {
      problem: `The names of ${list(tooLong.map(nameOf))} leave no room for a collection beside them`,
      expected: `database and collection of at most ${LONGEST_NAMESPACE - target.prefix.length} bytes together`,
    });
  return undefined;
}

/** What is there and would be replaced, or stands beside in a database that should be empty. */
function occupied({ steps, whole }: RestorePlan, { namespaces }: RestoreTarget): string[] {
  const present = namespaces.filter(({ collection }) => !isOurs(collection)).map(nameOf);
  if (whole) return present;
  const wanted = new Set(steps.map(nameOf));
  return present.filter((name) => wanted.has(name));
}

/** What can't be swapped for its replacement by one rename. */
function unreplaceable({ steps }: RestorePlan, { namespaces }: RestoreTarget): string[] {
  const types = new Map(namespaces.map((namespace) => [nameOf(namespace), namespace.type]));
  return steps
    .filter((step) => {
      const there = types.get(nameOf(step));
      return there === 'timeseries' || (there !== undefined && step.way === 'direct');
    })
    .map(nameOf);
}

function cantReplace(names: readonly string[]): BackupError {
  return new BackupError('RESTORE_REFUSED', {
    problem: `The server can't rename time series and system collections, so these can't be replaced safely: ${list(names)}`,
    advice: 'drop them first, or restore to another database with `to`, or choose others with `collections`',
  });
}

/** By the release, such as 6.0: patches of one release read each other's data. */
function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = than.split('.').map(Number);
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}
