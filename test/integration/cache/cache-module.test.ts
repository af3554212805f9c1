import {
  Controller,
  Get,
  Injectable,
  Module,
  type INestApplication,
  type ModuleMetadata,
} from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { Test } from '@nestjs/testing';
import request from 'supertest';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  CacheModule,
  CacheService,
  CacheTTL,
  HttpCache,
  HttpCacheInterceptor,
  MongooseCachePlugin,
  validateEnvironment,
  type CacheModuleOptions,
} from '../../../src/index.js';
import { describeWith, redis } from '../../servers/index.js';

let runs = 0;
@Controller('roses')
class RosesController {
  @Get()
  @CacheTTL(60)
  roses() {
    return { runs: (runs += 1) };
  }
}

@Injectable()
class Florist {
  constructor(readonly cache: CacheService) {}
}
@Module({ providers: [Florist], exports: [Florist] })
class FloristModule {}

const apps: INestApplication[] = [];
const start = async (imports: NonNullable<ModuleMetadata['imports']>) => {
  const module = await Test.createTestingModule({
    imports: [...imports, FloristModule],
    controllers: [RosesController],
  }).compile();
  const app = module.createNestApplication();
  apps.push(app);
  return app.init();
};

afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

describe('CacheModule', () => {
  it('forRoot(options) gives CacheService and its companions to every module', async () => {
    const app = await start([CacheModule.forRoot({ redis: false, ttl: 5 })]);
    const { cache } = app.get(Florist);
    await cache.set('k', 1);
    expect(await cache.ttl('k')).toBeLessThanOrEqual(5);
    for (const provider of [HttpCache, HttpCacheInterceptor, MongooseCachePlugin]) {
      expect(app.get(provider)).toBeInstanceOf(provider);
    }
  });

  it('caches no route unless its interceptor is bound', async () => {
    const app = await start([CacheModule.forRoot({ redis: false })]);
    const first = await request(app.getHttpServer()).get('/roses');
    const second = await request(app.getHttpServer()).get('/roses');
    expect(second.body.runs).toBe(first.body.runs + 1);
  });

  it('http.global binds the interceptor to every route', async () => {
    const app = await start([CacheModule.forRoot({ redis: false, http: { global: true } })]);
    await app.listen(0, '127.0.0.1'); // one port, hence one Host, for both
    const first = await request(app.getHttpServer()).get('/roses');
    const second = await request(app.getHttpServer()).get('/roses');
    expect(second.body).toEqual(first.body);
    expect(second.headers['cache-status']).toMatch(/hit/);
  });

  it('forRootAsync takes useFactory, useClass and useExisting', async () => {
    @Injectable()
    class Options {
      createCacheOptions(): CacheModuleOptions {
        return { redis: false, ttl: 7 };
      }
    }
    @Module({ providers: [Options], exports: [Options] })
    class OptionsModule {}
    for (const async of [
      { useFactory: () => ({ redis: false, ttl: 7 }) satisfies CacheModuleOptions },
      { useClass: Options },
      { imports: [OptionsModule], useExisting: Options },
    ]) {
      const app = await start([CacheModule.forRootAsync(async)]);
      await app.get(CacheService).set('k', 1);
      const ttl = await app.get(CacheService).ttl('k');
      expect(ttl).toBeGreaterThan(6);
      expect(ttl).toBeLessThanOrEqual(7);
    }
  });

  it('says where http belongs when it comes from a factory', async () => {
    const useFactory = () => ({ redis: false, http: { global: true } }) as CacheModuleOptions;
    await expect(start([CacheModule.forRootAsync({ useFactory })])).rejects.toThrow(
      /http.*beside useFactory/,
    );
    const app = await start([
      CacheModule.forRootAsync({ useFactory: () => ({ redis: false }), http: { global: true } }),
    ]);
    await app.listen(0, '127.0.0.1');
    await request(app.getHttpServer()).get('/roses');
    const second = await request(app.getHttpServer()).get('/roses');
    expect(second.headers['cache-status']).toMatch(/hit/);
  });

  it.each([
    [{ reddis: {} }, /there is no cache option "reddis"/],
    [{ redis: false, ttl: 'soon' }, /ttl is "soon"/],
    [{ redis: false, jitter: 2 }, /jitter is 2/],
    [{ redis: false, namespace: 'a b' }, /namespace is "a b"/],
    [{ redis: false, namespace: '{a}' }, /namespace is "\{a\}"/],
    [{ redis: false, onOutage: 'panic' }, /onOutage is "panic"/],
    [{ redis: false, memory: { maxEntries: 0 } }, /memory.maxEntries is 0/],
    [{ redis: false, deadline: { read: -1 } }, /deadline.read is -1/],
    [{ redis: 'redis://localhost' }, /redis is/],
    [
      { redis: { url: 'http://user:s3cret@localhost' } },
      /^the Redis URL can not be read; expected(?!.*s3cret)/,
    ],
  ])('refuses %j at start', async (options, message) => {
    await expect(start([CacheModule.forRoot(options as CacheModuleOptions)])).rejects.toThrow(message);
  });

  it('reads the environment when it is made, and lists all that is wrong with it', async () => {
    vi.stubEnv('REDIS_URL', 'http://user:s3cret@nowhere');
    vi.stubEnv('REDIS_TTL', 'soon');
    const failing = start([CacheModule.forRoot()]);
    await expect(failing).rejects.toMatchObject({ code: 'INVALID_ENVIRONMENT' });
    await expect(failing).rejects.toThrow(/REDIS_URL[^]*REDIS_TTL/);
    await expect(failing).rejects.not.toThrow(/s3cret/);
  });
});

describeWith('redis', 'CacheModule on Redis', () => {
  it('forRoot() takes everything from the environment', async () => {
    const { url, namespace } = redis();
    vi.stubEnv('REDIS_URL', url);
    vi.stubEnv('REDIS_TTL', '90');
    vi.stubEnv('CACHE_NAMESPACE', namespace);
    const app = await start([CacheModule.forRoot()]);
    const cache = app.get(CacheService);
    await cache.set('k', 1);
    expect(cache.stats().state).toBe('up');
    expect(await cache.ttl('k')).toBeGreaterThan(85);
    expect(await cache.ttl('k')).toBeLessThanOrEqual(90);
  });

  it('asks ConfigService where the application has one', async () => {
    const { url, namespace } = redis();
    vi.stubEnv('REDIS_URL', 'redis://127.0.0.1:1');
    const load = () => ({ REDIS_URL: url, REDIS_TTL: 33, CACHE_NAMESPACE: namespace });
    for (const cacheModule of [
      CacheModule.forRoot(),
      CacheModule.forRootAsync({
        inject: [ConfigService],
        useFactory: (config: ConfigService) => ({ ttl: config.get<number>('REDIS_TTL', 1) }),
      }),
    ]) {
      const config = ConfigModule.forRoot({
        isGlobal: true,
        ignoreEnvFile: true,
        ignoreEnvVars: true,
        skipProcessEnv: true,
        load: [load],
        validate: (given) => ({ ...validateEnvironment({ ...given, ...load() }) }),
      });
      const app = await start([config, cacheModule]);
      const cache = app.get(CacheService);
      expect(cache.stats().state).toBe('up');
      await cache.set('k', 1);
      expect(await cache.ttl('k')).toBeLessThanOrEqual(33);
    }
  });

  it('closes its connections with the application, not those of a client it was given', async () => {
    const { url, namespace } = redis();
    const { createClient } = await import('redis');
    const client = await createClient({ url }).connect();
    const app = await start([CacheModule.forRoot({ redis: { client }, namespace })]);
    await app.get(CacheService).set('k', 1, 60);
    expect(await app.get(CacheService).get('k')).toBe(1);
    await app.close();
    expect(client.isReady).toBe(true);
    await client.close();
  });
});
