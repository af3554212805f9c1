import { shown } from '../errors.js';
import { BackupError } from './backup.errors.js';

/**
 * Which backups are kept: those that any of the rules keeps. All numbers are above 0, and whole but for `days`.
 * Days, weeks (from Monday), months and years are those of UTC.
 */
export interface RetentionPolicy {
  /** Keeps backups younger than this many days. */
  days?: number | undefined;
  /** Keeps the newest ones. */
  keepLast?: number | undefined;
  /** Keeps the newest backup of each of the last so many hours, days, … that have one. */
  hourly?: number | undefined;
  daily?: number | undefined;
  weekly?: number | undefined;
  monthly?: number | undefined;
  yearly?: number | undefined;
  /** Then, of what the rules keep, the oldest go until the rest is not larger than this. */
  maxBytes?: number | undefined;
}

/** A good backup, as far as retention looks at it. */
export interface RetentionCandidate {
  readonly id: string;
  readonly createdAt: Date;
  readonly bytes: number;
  /** What it is a backup of: the rules count each source for itself. */
  readonly source: string;
  /** The storages that have it good; absent where there is only one. */
  readonly at?: readonly string[] | undefined;
}

export interface RetentionDecision {
  /** Oldest first. */
  readonly remove: readonly string[];
  readonly keep: readonly string[];
}

/**
 * Decides which of the good backups may go. The newest one of each source never goes, whatever the policy says, and
 * neither does the newest that any one storage has of it: while copies fail, that storage keeps what it got last.
 * What is dated after `now`, by a clock that went wrong, is kept until its time has come and counts for no rule: else
 * it would stand for the backups that are made now, and these would go.
 *
 * @param now milliseconds since the epoch
 * @throws BackupError INVALID_RETENTION
 */
export function decideRetention(
  backups: readonly RetentionCandidate[],
  policy: RetentionPolicy,
  now: number,
): RetentionDecision {
  checkRetention(policy);
  const newestFirst = backups.toSorted(byAge);
  const future = newestFirst.filter(({ createdAt }) => createdAt.getTime() > now);
  const sources = groupBySource(newestFirst.slice(future.length));
  const lasts = new Set([...sources.values()].flatMap(newestOfStorages));
  const kept = new Set([
    ...lasts,
    ...[...sources.values()].flatMap((group) => keptByRules(group, policy, now)),
  ]);
  trim(kept, lasts, policy.maxBytes ?? Infinity);
  for (const backup of future) kept.add(backup);
  const ids = (keep: boolean): string[] =>
    newestFirst.filter((backup) => kept.has(backup) === keep).map(({ id }) => id);
  return { remove: ids(false).toReversed(), keep: ids(true).toReversed() };
}

/** @throws BackupError INVALID_RETENTION for a policy that is empty or not made of positive numbers */
export function checkRetention(policy: RetentionPolicy): void {
  const rules = Object.entries(policy ?? {}).filter(([, value]) => value !== undefined);
  for (const [name, value] of rules) {
    if (!RULES.includes(name)) throw invalid(`${shown(name)} is not a rule of retention`);
    const fits = name === 'days' ? Number.isFinite(value) : Number.isSafeInteger(value);
    if (!fits || Number(value) <= 0) throw invalid(`retention.${name} is ${shown(value)}`);
  }
  if (rules.length === 0) throw invalid('The retention policy has no rule');
}

const DAY = 86_400_000;

/** The name of the period that a moment lies in. */
const PERIODS = {
  hourly: (time: Date) => time.toISOString().slice(0, 13),
  daily: (time: Date) => time.toISOString().slice(0, 10),
  weekly: (time: Date) => Math.floor((time.getTime() / DAY + 3) / 7),
  monthly: (time: Date) => time.toISOString().slice(0, 7),
  yearly: (time: Date) => time.getUTCFullYear(),
} as const;

const PERIOD_RULES = Object.keys(PERIODS) as (keyof typeof PERIODS)[];
const RULES: readonly string[] = ['days', 'keepLast', ...PERIOD_RULES, 'maxBytes'];

function keptByRules(
  newestFirst: readonly RetentionCandidate[],
  policy: RetentionPolicy,
  now: number,
): readonly RetentionCandidate[] {
  const { days, keepLast } = policy;
  const periods = PERIOD_RULES.filter((rule) => policy[rule] !== undefined);
  const onlySize = days === undefined && keepLast === undefined && periods.length === 0;
  if (onlySize) return newestFirst;
  return [
    ...newestFirst.slice(0, keepLast ?? 0),
    ...newestFirst.filter(({ createdAt }) => now - createdAt.getTime() < (days ?? 0) * DAY),
    ...periods.flatMap((rule) => newestOfEach(newestFirst, PERIODS[rule]).slice(0, policy[rule])),
  ];
}

/** The newest one in each storage. */
function newestOfStorages(newestFirst: readonly RetentionCandidate[]): RetentionCandidate[] {
  const seen = new Set<string>();
  return newestFirst.filter(({ at = [''] }) => {
    const isFirst = at.some((storage) => !seen.has(storage));
    for (const storage of at) seen.add(storage);
    return isFirst;
  });
}

function newestOfEach(
  newestFirst: readonly RetentionCandidate[],
  period: (time: Date) => string | number,
): RetentionCandidate[] {
  const seen = new Set<string | number>();
  return newestFirst.filter(({ createdAt }) => {
    const name = period(createdAt);
    if (seen.has(name)) return false;
    seen.add(name);
    return true;
  });
}

/** Lets the oldest go until the rest fits. */
function trim(kept: Set<RetentionCandidate>, lasts: Set<RetentionCandidate>, maxBytes: number): void {
  let total = [...kept].reduce((sum, { bytes }) => sum + bytes, 0);
  for (const backup of [...kept].sort(byAge).toReversed()) {
    if (total <= maxBytes) return;
    if (lasts.has(backup)) continue;
    kept.delete(backup);
    total -= backup.bytes;
  }
}

function byAge(a: RetentionCandidate, b: RetentionCandidate): number {
  return b.createdAt.getTime() - a.createdAt.getTime() || (a.id < b.id ? 1 : -1);
}

function groupBySource(backups: readonly RetentionCandidate[]): Map<string, RetentionCandidate[]> {
  const groups = new Map<string, RetentionCandidate[]>();
  for (const backup of backups) groups.set(backup.source, [...(groups.get(backup.source) ?? []), backup]);
  return groups;
}

function invalid(problem: string): BackupError {
  return new BackupError('INVALID_RETENTION', {
    problem,
    expected: `at least one of ${RULES.join(', ')}, each a number above 0`,
  });
}
