import { withoutCredentials } from '../../errors.js';

/** Takes secrets out of a text that somebody else wrote: tools print the connection string when they fail. */
export function scrub(text: string, secrets: readonly string[]): string {
  const spellings = secrets
    .filter((secret) => secret.length > 0)
    .flatMap((secret) => [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)])
    .sort((a, b) => b.length - a.length);
  const open = spellings.reduce(
    (rest, spelling) => rest.replaceAll(spelling, '***'),
    withoutCredentials(text),
  );
  // Values of a unique index are customers' data, and a refused command may hold more of them.
  return open.replace(/dup key: .*/g, 'dup key: {…}').replace(/(to execute command) \{.*\}/g, '$1');
}
