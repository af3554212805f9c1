import { createKeyv } from '@keyv/redis';
import { CacheInterceptor, CacheModule } from '@nestjs/cache-manager';
import type { Type, NestInterceptor } from '@nestjs/common';
import { startNest } from '../nest-app.js';
import { PLATFORMS, type Ground, type System } from '../system.js';
import { TTL_SECONDS } from '../work.js';

const DIFFERS = ['keeps bodies alone, serialised anew for each hit', 'no single flight', 'no tags'];
const COMMON = {
  role: 'cache',
  platforms: PLATFORMS,
  kinds: ['1k', '50k', 'query', 'slow'],
  differs: DIFFERS,
} as const;

/** Nest's own interceptor, set up as its documentation says. */
export const cacheManager: System = {
  name: '@nestjs/cache-manager',
  packages: ['@nestjs/cache-manager', 'cache-manager', '@keyv/redis'],
  settings: [
    { ...COMMON, label: 'memory', open: async (ground) => open(ground, {}) },
    {
      ...COMMON,
      label: 'Redis',
      isShared: true,
      open: async (ground) =>
        open(ground, { stores: [createKeyv(ground.redisUrl, { namespace: ground.namespace })] }),
    },
  ],
};

const open = async (ground: Ground, options: object): Promise<number> =>
  startNest(ground, {
    imports: [CacheModule.register({ ...options, ttl: TTL_SECONDS * 1_000 })],
    interceptors: [CacheInterceptor as Type<NestInterceptor>],
  });
