import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BackupModuleOptions, BackupOptions } from '../../../src/backup/backup.options.js';
import { DiskStorage } from '../../../src/backup/storage/disk.storage.js';
import { bestCodec } from '../../../src/backup/compression.js';

const none = (): undefined => undefined;

describe('the options of backups', () => {
  it('have documented defaults', () => {
    expect(new BackupOptions({}, none)).toMatchObject({
      uri: 'mongodb://localhost:27017/flora-shop',
      database: 'flora-shop',
      directory: resolve('backups'),
      storages: { primary: { location: resolve('backups') }, copies: [] },
      retention: { days: 7 },
      schedule: false,
      compression: { codec: bestCodec() },
      timeoutMs: 6 * 3_600_000,
      tools: {},
    });
  });

  it('name one storage, or a primary and those for copies', () => {
    const own = new DiskStorage('/own');
    const locations = (storage: BackupModuleOptions['storage']): string[] =>
      new BackupOptions({ storage, directory: '/main' }, none).storages.all.map(({ location }) => location);

    expect(locations(own)).toEqual(['/own']);
    expect(locations({ disk: 'nas' })).toEqual([resolve('nas')]);
    expect(locations(['disk', { disk: '/nas' }, { s3: { bucket: 'shop' } }, own])).toEqual([
      '/main',
      '/nas',
      's3://shop/backups',
      '/own',
    ]);
  });

  it('come from the environment where they are not given', () => {
    const environment: Record<string, string> = {
      MONGO_URI: 'mongodb://db:1/other',
      BACKUP_DIR: '/var/backups/shop',
      BACKUP_RETENTION_DAYS: '30',
      BACKUP_CRON: '0 3 * * *',
      MONGO_TOOLS_DIR: '/opt/tools',
    };
    const read = (name: string) => environment[name];

    expect(new BackupOptions({}, read)).toMatchObject({
      database: 'other',
      directory: '/var/backups/shop',
      retention: { days: 30 },
      schedule: '0 3 * * *',
      tools: { directory: '/opt/tools' },
    });
    expect(
      new BackupOptions(
        {
          uri: 'mongodb://x/',
          directory: '/a',
          retention: false,
          schedule: false,
          tools: { mongodump: '/b' },
        },
        read,
      ),
    ).toMatchObject({
      database: '*',
      directory: '/a',
      retention: false,
      schedule: false,
      tools: { mongodump: '/b' },
    });
  });

  it.each<[string, object]>([
    ['INVALID_OPTIONS', { directroy: '/x' }],
    ['INVALID_OPTIONS', { compression: { codec: 'lzma' } }],
    ['INVALID_OPTIONS', { compression: { codec: 'toString' } }],
    ['INVALID_OPTIONS', { compression: { codec: 'gzip', level: 10 } }],
    ['INVALID_OPTIONS', { compression: { codec: 'gzip', level: Number.NaN } }],
    ['INVALID_OPTIONS', { compression: 'gzip' }],
    ['INVALID_OPTIONS', { storage: 'tape' }],
    ['INVALID_OPTIONS', { engine: 'tools' }],
    ['INVALID_OPTIONS', { concurrency: 0 }],
    ['INVALID_OPTIONS', { concurrency: 1.5 }],
    ['INVALID_OPTIONS', { concurrency: 65 }],
    ['INVALID_OPTIONS', { readPreference: 'any' }],
    ['INVALID_OPTIONS', { uri: 'localhost' }],
    ['INVALID_OPTIONS', { uri: 7 }],
    ['INVALID_OPTIONS', { directory: '' }],
    ['INVALID_OPTIONS', { storage: [] }],
    ['INVALID_OPTIONS', { storage: ['disk', 'disk'] }],
    ['INVALID_OPTIONS', { storage: ['disk', { disk: 'backups' }] }],
    ['INVALID_OPTIONS', { storage: 'tape' }],
    ['INVALID_OPTIONS', { storage: [['disk']] }],
    ['INVALID_OPTIONS', { storage: { disk: '' } }],
    ['INVALID_OPTIONS', { storage: { disk: '/a', s3: { bucket: 'shop' } } }],
    ['INVALID_OPTIONS', { storage: {} }],
    ['INVALID_OPTIONS', { directory: 'a\0b' }],
    ['INVALID_OPTIONS', { timeout: 0 }],
    ['INVALID_OPTIONS', { tools: { mongodmp: '/x' } }],
    ['INVALID_OPTIONS', { tools: { mongodump: 5 } }],
    ['INVALID_OPTIONS', { tools: { mongodump: '/a\0b' } }],
    ['INVALID_OPTIONS', { uri: 'mongodb://db/a b' }],
    ['INVALID_OPTIONS', { uri: `mongodb://db/${'x'.repeat(64)}` }],
    ['INVALID_OPTIONS', { catchUp: 'false' }],
    ['INVALID_OPTIONS', { clock: {} }],
    ['INVALID_OPTIONS', { hooks: { timeout: 0 } }],
    ['INVALID_DURATION', { timeout: 'soon' }],
    ['INVALID_DURATION', { timeout: -1 }],
    ['INVALID_RETENTION', { retention: {} }],
    ['INVALID_RETENTION', { retention: { days: 0 } }],
    ['INVALID_SCHEDULE', { schedule: 'daily' }],
    ['INVALID_SCHEDULE', { schedule: '61 * * * *' }],
    ['INVALID_SCHEDULE', { schedule: '0 0 30 2 *' }],
    ['INVALID_SCHEDULE', { schedule: '' }],
    ['INVALID_SCHEDULE', { schedule: 7 }],
    ['INVALID_SCHEDULE', { timezone: 'Mars/Olympus' }],
  ])('are refused with %s: %j', (code, options) => {
    expect(() => new BackupOptions(options as BackupModuleOptions, none)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it('name every variable of the environment that can not be used', () => {
    const read = (name: string) => ({ BACKUP_RETENTION_DAYS: '-1', MONGO_URI: 'redis://x' })[name];
    expect(() => new BackupOptions({}, read)).toThrow(/MONGO_URI[^]*BACKUP_RETENTION_DAYS/);
  });
});
