const DAYS = '(?:mon|tue|wed|thu|fri|sat|sun)';
const LONG_DAYS = '(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday)';
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const MONTH = `(?<month>${MONTHS.join('|')})`;
const TIME = '(?<hour>\\d{2}):(?<minute>\\d{2}):(?<second>\\d{2})';

/** The three forms of RFC 9110 §5.6.7: IMF-fixdate, RFC 850 and asctime. Upper and lower case are not told apart. */
const FORMS = [
  `${DAYS}, (?<day>\\d{2}) ${MONTH} (?<year>\\d{4}) ${TIME} GMT`,
  `${LONG_DAYS}, (?<day>\\d{2})-${MONTH}-(?<year>\\d{2}) ${TIME} GMT`,
  `${DAYS} ${MONTH} (?<day>\\d{2}| \\d) ${TIME} (?<year>\\d{4})`,
].map((form) => new RegExp(`^${form}$`, 'i'));

type Part = 'day' | 'month' | 'year' | 'hour' | 'minute' | 'second';

/** Milliseconds of an HTTP date, or undefined for anything else, however much it looks like one. */
export function parseHttpDate(field: unknown, now = Date.now()): number | undefined {
  if (typeof field !== 'string' || field.length > 40) return undefined;
  for (const form of FORMS) {
    const parts = form.exec(field)?.groups as Record<Part, string> | undefined;
    if (parts) return timeOf(parts, now);
  }
  return undefined;
}

function timeOf(parts: Record<Part, string>, now: number): number | undefined {
  const [day, hour, minute, second] = [parts.day, parts.hour, parts.minute, parts.second].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  const month = MONTHS.indexOf(parts.month.toLowerCase());
  const year = parts.year.length === 2 ? fullYear(Number(parts.year), now) : Number(parts.year);
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const midnight = new Date(0);
  midnight.setUTCFullYear(year, month, day); // Date.UTC takes years below 100 for others
  if (midnight.getUTCDate() !== day || midnight.getUTCMonth() !== month) return undefined;
  return midnight.getTime() + (hour * 3_600 + minute * 60 + second) * 1_000;
}

/** A year of two digits that would be more than 50 years ahead is one of the past (RFC 9110 §5.6.7). */
function fullYear(digits: number, now: number): number {
  const thisYear = new Date(now).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + digits;
  return year > thisYear + 50 ? year - 100 : year;
}
