const IMF_FIXDATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d{2}:\d{2}:\d{2} GMT$/;

/** Milliseconds of an HTTP date (RFC 9110 §5.6.7, the one form that may be sent), or undefined. */
export function parseHttpDate(field: unknown): number | undefined {
  if (typeof field !== 'string' || !IMF_FIXDATE.test(field)) return undefined;
  const time = Date.parse(field);
  return Number.isNaN(time) ? undefined : time;
}
