import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Injectable, Logger, Module, type Type } from '@nestjs/common';
import { ConfigModule } from '@nestjs/config';
import { ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { expect, it, vi } from 'vitest';
import { BackupModule, type BackupOptionsFactory } from '../../../src/backup/backup.module.js';
import type { BackupModuleOptions } from '../../../src/backup/backup.options.js';
import { BackupScheduler } from '../../../src/backup/backup.scheduler.js';
import { BackupService } from '../../../src/backup/backup.service.js';
import { ScheduledBackup } from '../../../src/backup/schedule/scheduled-backup.js';
import { DiskStorage } from '../../../src/backup/storage/disk.storage.js';
import { describeWith, tools } from '../../servers/index.js';
import { failureOf, finally_, folder, type Ground, ground, plantShop } from './ground.js';
import { childOf, until } from './processes.js';

const EVERY_SECOND = '* * * * * *';

describeWith(['mongo', 'tools'], 'a schedule', () => {
  it.each([
    ["in the application's registry", [ScheduleModule.forRoot()]],
    ['by itself, where the application has no ScheduleModule', []],
  ])('runs %s, applies retention after each success, and stops at shutdown', async (_, imports) => {
    const place = await ground();
    await plantShop(place.db);
    const app = await start(place, imports, { schedule: EVERY_SECOND, retention: { keepLast: 1 } });
    const registry = imports.length > 0 ? app.get(SchedulerRegistry) : undefined;
    expect([...(registry?.getCronJobs().keys() ?? [])]).toEqual(registry ? ['flora-backup'] : []);

    const first = await nextGood(place);
    await until(async () =>
      (await place.service.listBackups()).every(({ id, status }) => status === 'good' && id !== first),
    );

    await app.close();
    expect(registry?.getCronJobs().size ?? 0).toBe(0);
    expect(await childOf('mongodump')).toBeUndefined();
    const left = await place.files();
    expect(left).toHaveLength(1);
    await new Promise((wake) => setTimeout(wake, 1_500));
    expect(await place.files()).toEqual(left);
  });

  it('is what scheduleBackups gives: stopped at first, started, stopped, run at once', async () => {
    const place = await ground();
    await plantShop(place.db);
    const app = await start(place, [ScheduleModule.forRoot()], {});
    const registry = app.get(SchedulerRegistry);
    const scheduled = app.get(BackupService).scheduleBackups(EVERY_SECOND, { label: 'by schedule' });
    expect(registry.getCronJobs().size).toBe(0);
    expect(scheduled.next.getTime()).toBeGreaterThan(Date.now() - 1_000);

    const made = await scheduled.runNow();
    expect(made).toMatchObject({ status: 'good', label: 'by schedule' });

    scheduled.start();
    scheduled.start();
    expect([...registry.getCronJobs().keys()]).toEqual([scheduled.name]);
    await until(async () => (await place.service.listBackups({ status: 'good' })).length > 1);
    scheduled.stop();
    scheduled.stop();
    expect(registry.getCronJobs().size).toBe(0);

    scheduled.start();
    const second = app
      .get(BackupScheduler)
      .scheduleBackups('0 0 * * *', { name: 'nightly', timezone: 'Asia/Tokyo' });
    second.start();
    expect([...registry.getCronJobs().keys()].toSorted()).toEqual([scheduled.name, 'nightly'].toSorted());
    expect(second.next.getUTCHours()).toBe(15);
    await app.close();
    expect(registry.getCronJobs().size).toBe(0);
  });

  it('does not take a name that the application already gave to another job', async () => {
    const { service } = await ground();
    const registry = new SchedulerRegistry();
    const own = (): ScheduledBackup =>
      new ScheduledBackup(
        { name: 'nightly', cron: '0 0 * * *', timezone: undefined, catchUp: false },
        () => service.createBackup(),
        registry,
        console,
      );
    const [first, second] = [own(), own()];
    first.start();
    try {
      expect(() => second.start()).toThrow(
        expect.objectContaining({ code: 'INVALID_SCHEDULE', message: expect.stringContaining('nightly') }),
      );
    } finally {
      second.stop();
      expect([...registry.getCronJobs().keys()]).toEqual(['nightly']);
      first.stop();
    }
  });

  it('of a name that another one has already is not started: one of the two would never make a backup', async () => {
    const { service } = await ground();
    const shop = service.scheduleBackups('0 0 * * *', { name: 'nightly', database: 'shop' });
    const mail = service.scheduleBackups('0 0 * * *', { name: 'nightly', database: 'mail' });
    shop.start();
    expect(() => mail.start()).toThrow(expect.objectContaining({ code: 'INVALID_SCHEDULE' }));
    shop.stop();
    mail.start();
    mail.stop();
  });

  it.each<[object]>([
    [{ name: '' }],
    [{ name: 5 }],
    [{ name: 'x'.repeat(5_000) }],
    [{ name: 'a\0b' }],
    [{ name: '\uD800' }],
    [{ catchUp: 'no' }],
    [{ database: 'a b' }],
    [{ database: '*', collections: ['orders'] }],
    [{ collections: 'orders' }],
    [{ label: 7 }],
  ])('that could make no backup is refused at once, not by night: %j', async (options) => {
    const { service } = await ground();
    expect(() => service.scheduleBackups('0 0 * * *', options)).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS' }),
    );
  });

  it.each(['', 'daily', '61 * * * *', '* * *', '0 0 30 2 *', '0 0 * * *; rm -rf /', 7, undefined])(
    'is never made of %j',
    async (cron) => {
      const { service } = await ground();
      expect(() => service.scheduleBackups(cron as string)).toThrow(
        expect.objectContaining({ code: 'INVALID_SCHEDULE' }),
      );
      expect(() => service.scheduleBackups('0 0 * * *', { timezone: 'Mars/Olympus' })).toThrow(/time zone/);
      expect(() => service.scheduleBackups('0 0 * * *', { zone: 'UTC' } as object)).toThrow(/not known/);
    },
  );

  it('run twice at once makes two, one after the other, and skips ticks until both are done', async () => {
    const place = await ground();
    await plantShop(place.db);
    const warnings = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    finally_(async () => warnings.mockRestore());
    const slow = await slowDump(2);
    const service = await place.another({ tools: { mongodump: slow } });
    const scheduled = service.scheduleBackups(EVERY_SECOND);
    const first = scheduled.runNow();
    const second = scheduled.runNow();

    await first;
    warnings.mockClear();
    scheduled.start();
    await until(() => warnings.mock.calls.some(([text]) => String(text).includes('skipped')));
    scheduled.stop();
    await second;

    expect(await service.listBackups({ status: 'good' })).toHaveLength(2);
  });

  it('catches up, where that is asked for, on a run that was missed, and on none that was not', async () => {
    const place = await ground();
    await plantShop(place.db);
    const yearly = '0 0 1 1 *';
    const start = async (options: object): Promise<void> => {
      const service = await place.another();
      service.scheduleBackups(yearly, options).start();
      await new Promise((wake) => setTimeout(wake, 200));
      await service.scheduleBackups(yearly, { name: 'after' }).runNow();
    };
    const made = async () => (await place.service.listBackups({ status: 'good' })).length;

    await start({});
    expect(await made()).toBe(1);
    await place.service.deleteBackup((await place.service.listBackups())[0]!.id);
    await start({ catchUp: true });
    expect(await made()).toBe(2);
    await start({ catchUp: true });
    expect(await made()).toBe(3);
  });

  it('catches up although something else was backed up since: a part of it, or by a clock that was wrong', async () => {
    let now = Date.now();
    const place = await ground({ clock: { now: () => now } });
    await plantShop(place.db);
    const made = async () => (await place.service.listBackups({ label: 'caught up' })).length;
    await place.service.createBackup({ collections: ['orders'] });
    now += 365 * 86_400_000;
    await place.service.createBackup();
    now = Date.now();

    const start = async (options: object): Promise<ScheduledBackup> => {
      const service = await place.another();
      const scheduled = service.scheduleBackups('0 0 1 1 *', {
        catchUp: true,
        label: 'caught up',
        ...options,
      });
      scheduled.start();
      await scheduled.idle();
      return scheduled;
    };
    // What was asked for is there.
    await start({ collections: ['orders'] });
    expect(await made()).toBe(0);
    await start({});
    expect(await made()).toBe(1);
    await start({ collections: ['products'] });
    expect(await made()).toBe(1);
  });

  it('skips a tick while its backup still runs, and says so', async () => {
    const place = await ground();
    await plantShop(place.db);
    const warnings = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    finally_(async () => warnings.mockRestore());
    const service = await place.another({ tools: { mongodump: await slowDump(2.5) } });
    const scheduled = service.scheduleBackups(EVERY_SECOND);

    scheduled.start();
    await until(() => warnings.mock.calls.some(([text]) => String(text).includes('skipped')));
    scheduled.stop();

    expect(warnings.mock.calls.flat().join()).toContain('flora-backup');
  });

  it('says that a backup failed, goes on, and removes nothing while backups fail', async () => {
    const place = await ground({ retention: { keepLast: 1 } });
    await plantShop(place.db);
    await place.service.createBackup();
    await place.service.createBackup();
    const errors = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    finally_(async () => errors.mockRestore());
    await place.db.dropDatabase();
    const scheduled = place.service.scheduleBackups(EVERY_SECOND);

    scheduled.start();
    await until(() => errors.mock.calls.length >= 2);
    expect(errors.mock.calls[0]?.join()).toContain('There is no database');
    expect(await place.service.listBackups({ status: 'good' })).toHaveLength(2);
    expect(await failureOf(scheduled.runNow())).toMatchObject({ code: 'DATABASE_NOT_FOUND' });

    await plantShop(place.db);
    await until(async () => (await place.service.listBackups()).length === 1);
    scheduled.stop();
  });
});

describeWith(['mongo', 'tools'], 'the backup module', () => {
  it('reads what is not given from the ConfigService of the application, else from the environment', async () => {
    const place = await ground();
    await plantShop(place.db);
    const values = { MONGO_URI: place.uri, BACKUP_DIR: place.directory, MONGO_TOOLS_DIR: tools() };
    const config = ConfigModule.forRoot({
      isGlobal: true,
      ignoreEnvFile: true,
      ignoreEnvVars: true,
      load: [() => values],
    });

    const app = await Test.createTestingModule({ imports: [config, BackupModule.forRoot()] }).compile();
    await app.init();
    finally_(() => app.close());

    const { id } = await app.get(BackupService).createBackup();
    expect(await place.service.getBackup(id)).toMatchObject({
      status: 'good',
      database: place.db.databaseName,
    });
  });

  it('takes its options from a factory, a class, or one that is there already', async () => {
    const place = await ground();
    await plantShop(place.db);
    const options: BackupModuleOptions = {
      uri: place.uri,
      directory: place.directory,
      tools: { directory: tools() },
    };
    @Injectable()
    class Options implements BackupOptionsFactory {
      createBackupOptions = async (): Promise<BackupModuleOptions> => options;
    }
    @Module({
      providers: [Options, { provide: 'OPTIONS', useValue: options }],
      exports: [Options, 'OPTIONS'],
    })
    class OptionsModule {}
    const ways = [
      BackupModule.forRootAsync({
        imports: [OptionsModule],
        inject: ['OPTIONS'],
        useFactory: (given: object) => given,
      }),
      BackupModule.forRootAsync({ useClass: Options }),
      BackupModule.forRootAsync({ imports: [OptionsModule], useExisting: Options }),
    ];
    for (const way of ways) {
      @Injectable()
      class Shop {
        constructor(readonly backups: BackupService) {}
      }
      @Module({ providers: [Shop], exports: [Shop] })
      class ShopModule {}
      const app = await Test.createTestingModule({ imports: [way, ShopModule] }).compile();
      finally_(() => app.close());
      expect((await app.get(Shop).backups.createBackup()).status).toBe('good');
    }
  });

  it('refuses wrong options when it is made', async () => {
    for (const [options, code] of [
      [{ retention: { days: 0 } }, 'INVALID_RETENTION'],
      [{ schedule: 'daily' }, 'INVALID_SCHEDULE'],
      [{ directroy: '/x' }, 'INVALID_OPTIONS'],
    ] as const)
      expect(
        await failureOf(
          Test.createTestingModule({ imports: [BackupModule.forRoot(options as object)] }).compile(),
        ),
      ).toMatchObject({ code });
  });

  it('at shutdown waits for the retention that follows a backup', async () => {
    const place = await ground();
    await plantShop(place.db);
    const events: string[] = [];
    class SlowStorage extends DiskStorage {
      override async delete(id: string): Promise<void> {
        events.push('deleting');
        await new Promise((wake) => setTimeout(wake, 500));
        await super.delete(id);
        events.push('deleted');
      }
    }
    const service = await place.another({
      storage: new SlowStorage(place.directory),
      retention: { keepLast: 1 },
    });
    await service.createBackup();
    const running = service.scheduleBackups('0 0 * * *').runNow();
    await until(() => events.includes('deleting'));

    await service.close();

    expect(events).toEqual(['deleting', 'deleted']);
    expect(await place.files()).toEqual([(await running).id]);
  });

  it('starts where its directory can not be used, and at shutdown ends what runs', async () => {
    const place = await ground();
    await plantMore(place);
    const app = await start(place, [], {});
    let under = false;
    const failure = failureOf(
      app.get(BackupService).createBackup({
        onProgress: () => {
          under = true;
        },
      }),
    );
    await until(() => under);

    await app.close();

    expect(await failure).toMatchObject({ code: 'ABORTED' });
    expect(await childOf('mongodump')).toBeUndefined();
    expect(await place.files()).toEqual([]);
    const odd = await start(place, [], { directory: '/dev/null' });
    expect(await failureOf(odd.get(BackupService).createBackup())).toMatchObject({
      code: 'STORAGE_UNUSABLE',
    });
    await odd.close();
  });
});

async function start(place: Ground, imports: (Type | object)[], options: BackupModuleOptions) {
  const { uri, directory } = place;
  const module = BackupModule.forRoot({ uri, directory, tools: { directory: tools() }, ...options });
  const app = await Test.createTestingModule({ imports: [...(imports as Type[]), module] }).compile();
  await app.init();
  finally_(() => app.close());
  return app;
}

/** Waits for a good backup and gives its id. */
async function nextGood({ service }: Ground): Promise<string> {
  let id: string | undefined;
  await until(async () => (id = (await service.listBackups({ status: 'good' }))[0]?.id) !== undefined);
  return id!;
}

async function plantMore({ db }: Ground): Promise<void> {
  const text = 'violets are blue '.repeat(100);
  await db.collection('more').insertMany(Array.from({ length: 20_000 }, (_, index) => ({ index, text })));
}

/** A mongodump that takes its time. */
async function slowDump(seconds: number): Promise<string> {
  const slow = join(await folder(), 'mongodump');
  const real = join(tools(), 'mongodump');
  await writeFile(slow, `#!/bin/sh\n[ "$1" = --version ] || sleep ${seconds}\nexec ${real} "$@"\n`, {
    mode: 0o755,
  });
  return slow;
}
