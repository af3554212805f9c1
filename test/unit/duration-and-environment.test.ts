import { describe, expect, it } from 'vitest';
import { toMilliseconds } from '../../src/duration.js';
import { readEnvironment, validateEnvironment } from '../../src/environment.js';
import { withoutCredentials } from '../../src/errors.js';

describe('A duration', () => {
  it.each([
    [300, 300_000],
    [0, 0],
    [0.0001, 1],
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['90', 90_000],
    ['1.5 h', 5_400_000],
  ])('%s is %d ms', (duration, milliseconds) => {
    expect(toMilliseconds(duration)).toBe(milliseconds);
  });

  it.each([
    Number.NaN,
    -1,
    '-5s',
    Number.POSITIVE_INFINITY,
    '',
    'soon',
    '5 weeks',
    '1e3',
    null,
    {},
    [],
    true,
    1e300,
  ])('%s is refused, with what would be right', (value) => {
    expect(() => toMilliseconds(value as string, 'ttl')).toThrow(/^ttl is .*expected seconds/);
  });
});

describe('The environment', () => {
  const read = (variables: Record<string, unknown>) => validateEnvironment(variables);

  it('has the defaults of the documentation', () => {
    expect(read({})).toMatchObject({
      REDIS_URL: 'redis://localhost:6379',
      REDIS_TTL: 3_600,
      BACKUP_DIR: './backups',
      MONGO_URI: 'mongodb://localhost:27017/flora-shop',
      BACKUP_RETENTION_DAYS: 7,
    });
  });

  it('takes an empty variable for an absent one, and durations with a unit', () => {
    expect(read({ REDIS_TTL: '5m', BACKUP_DIR: '', OTHER: 'kept' })).toMatchObject({
      REDIS_TTL: 300,
      BACKUP_DIR: './backups',
      OTHER: 'kept',
    });
  });

  it('lists all that is wrong in one message, without showing what may be secret', () => {
    const wrong = {
      REDIS_URL: 'http://user:s3cret@host',
      REDIS_TTL: 'soon',
      MONGO_URI: 'postgres://user:s3cret@host/db',
      BACKUP_RETENTION_DAYS: '-3',
    };
    expect(() => read(wrong)).toThrow(
      expect.objectContaining({
        code: 'INVALID_ENVIRONMENT',
        problems: expect.arrayContaining([]) as unknown,
      }) as Error,
    );
    const problems = (() => {
      try {
        return read(wrong) && '';
      } catch (error) {
        return (error as Error).message;
      }
    })();
    for (const name of Object.keys(wrong)) expect(problems).toContain(name);
    expect(problems).not.toContain('s3cret');
  });

  it('is read only as far as it is needed', () => {
    const variables = (name: string) => (name === 'REDIS_TTL' ? 'soon' : undefined);
    expect(readEnvironment(['BACKUP_DIR'], variables)).toEqual({ BACKUP_DIR: './backups' });
    expect(() => readEnvironment(['REDIS_TTL'], variables)).toThrow(/REDIS_TTL is "soon"/);
  });
});

it('URIs lose user and password before they are logged', () => {
  const text = 'failed: mongodb+srv://root:S3cr3t%2F@host/db and "redis://:pw@h:1" but not https://host/a@b';
  expect(withoutCredentials(text)).toBe(
    'failed: mongodb+srv://***@host/db and "redis://***@h:1" but not https://***@b',
  );
});
