import { FloraError, shown } from './errors.js';

/**
 * A length of time: a number is **seconds** (as in `max-age`, `EXPIRE` and REDIS_TTL), a string carries its
 * unit: `'250ms'`, `'30s'`, `'5m'`, `'1h'`, `'7d'`. A bare numeric string is seconds too, as in an environment.
 */
export type Duration = number | string;

/** Thrown for a duration that is NaN, negative, infinite, of an unknown unit, or not a duration at all. */
export class DurationError extends FloraError<'INVALID_DURATION'> {
  constructor(name: string, value: unknown) {
    super('INVALID_DURATION', {
      problem: `${name} is ${shown(value)}`,
      expected: "seconds as a number >= 0, or a string with a unit such as '250ms', '30s', '5m', '1h', '7d'",
    });
  }
}

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** Redis refuses expiries beyond 2^63 ms, Date beyond 8.64e15 ms: a century is further than any cache looks. */
const LONGEST = 100 * 366 * UNITS.d;

/**
 * Milliseconds of a duration, rounded up to a whole one so that a positive duration never becomes 0.
 *
 * @param name how the error names the value, `ttl` for example
 * @throws DurationError for anything that is not a duration
 */
export function toMilliseconds(value: Duration, name = 'duration'): number {
  const milliseconds = Math.ceil(parse(value));
  if (!(milliseconds >= 0 && milliseconds <= LONGEST)) throw new DurationError(name, value);
  return milliseconds;
}

function parse(value: unknown): number {
  if (typeof value === 'number') return value * UNITS.s;
  if (typeof value !== 'string') return Number.NaN;
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/.exec(value.trim());
  return match ? Number(match[1]) * UNITS[(match[2] ?? 's') as keyof typeof UNITS] : Number.NaN;
}
