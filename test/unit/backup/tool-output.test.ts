import { describe, expect, it } from 'vitest';
import { scrub } from '../../../src/backup/engine/scrub.js';
import { toolFailure } from '../../../src/backup/engine/tool-failure.js';
import { LastLines } from '../../../src/backup/engine/tool-output.js';

const read = (...texts: string[]): LastLines => {
  const lines = new LastLines();
  for (const text of texts) lines.add(text);
  return lines;
};

describe("a tool's last words", () => {
  it('are its reason for failing, however the output is cut', () => {
    const output = '2026-03-14T02:00:00.000+0000\tFailed: no space left\n2026-03-14T02:00:00.001+0000\tbye\n';
    expect(read(output).reason()).toBe('no space left');
    expect(read(...output.split('')).reason()).toBe('no space left');
    expect(read('2026-03-14T02:00:00.000+0000\tsignal received').reason()).toBe('signal received');
    expect(read('').reason()).toBe('it gave no reason');
  });

  it('are the counts of a restore', () => {
    const total =
      '2026-03-14T02:00:00.000+0000\t2500 document(s) restored successfully. 3 document(s) failed to restore.\n';
    expect(read('noise\n', total).restored()).toEqual({ restored: 2_500, failed: 3 });
    expect(read('noise\n').restored()).toBeUndefined();
  });

  it('are kept in little memory, whatever the tool writes', () => {
    const lines = new LastLines();
    for (let index = 0; index < 10_000; index++) lines.add(`duplicate ${index} ${'x'.repeat(500)}\n`);
    for (let index = 0; index < 1_000; index++) lines.add('no line end '.repeat(100));
    expect(JSON.stringify(lines).length).toBeLessThan(200_000);
  });

  it.each([
    [
      "can't create session: connection() error: auth error: sasl conversation error: (AuthenticationFailed)",
      'AUTHENTICATION_FAILED',
    ],
    ['error running command: (Unauthorized) not authorized on shop', 'NOT_AUTHORIZED'],
    ['server selection error: context deadline exceeded', 'SERVER_UNREACHABLE'],
    ['dial tcp 127.0.0.1:1: connect: connection refused', 'SERVER_UNREACHABLE'],
    ['lookup nowhere.invalid: no such host', 'SERVER_UNREACHABLE'],
    ['connection(127.0.0.1:1[-5]) socket was unexpectedly closed: EOF', 'SERVER_UNREACHABLE'],
    ['something else', 'TOOL_FAILED'],
  ])('have a code: %s', (reason, code) => {
    expect(toolFailure('mongodump', { exitCode: 1 }, reason)).toMatchObject({ code });
  });

  it('lose secrets and the data of customers before anyone sees them', () => {
    const secret = 'p@ss/w"rd';
    const said = [
      `failed to connect to mongodb://root:${encodeURIComponent(secret)}@h1,h2/?x=1`,
      `reading password ${secret} again as ${JSON.stringify(secret)}`,
      'E11000 duplicate key error collection: shop.users index: email_1 dup key: { email: "ann@example.net" }',
      '(Unauthorized) not authorized on shop to execute command { insert: "users", documents: [ { name: "Ann" } ] }',
    ];
    for (const line of said) expect(scrub(line, [secret])).not.toMatch(/p@ss|p%40ss|w\\?"rd|ann|Ann/);
    expect(scrub(said[0]!, [secret])).toContain('h1,h2');
    expect(scrub('nothing secret', [''])).toBe('nothing secret');
  });
});
