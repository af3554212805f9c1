import {
  ConfigurableModuleBuilder,
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { APP_INTERCEPTOR } from '@nestjs/core';
import type { CacheModuleOptions } from './cache.options.js';
import { CacheService, createCache } from './cache.service.js';
import { EarlyRoutes } from './http/early/early-routes.js';
import { HttpCacheInterceptor } from './http/http-cache.interceptor.js';
import { HTTP_CACHE_STRICT, HttpCache } from './http/http-cache.middleware.js';
import { MethodsModule } from './methods/methods.module.js';
import { MongooseCachePlugin } from './mongoose/mongoose-cache.plugin.js';

/** What is decided where the module is imported, not by its options: they may come later, from a factory. */
export interface CacheModuleExtras {
  /** Whether other modules see the providers without importing this one. Default: true. */
  isGlobal?: boolean;
  /**
   * `global: true` puts HttpCacheInterceptor before every route; routes without @CacheTTL stay untouched. `strict:
   * true` makes all routes strict that don't say otherwise: for development and tests. Both are false by default.
   */
  http?: { global?: boolean; strict?: boolean };
}

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, ASYNC_OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<CacheModuleOptions>()
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createCacheOptions')
    .setExtras<CacheModuleExtras>({ isGlobal: true, http: {} }, (definition, { isGlobal = true, http }) => ({
      ...definition,
      global: isGlobal,
      providers: [
        ...(definition.providers ?? []),
        { provide: HTTP_CACHE_STRICT, useValue: http?.strict ?? false },
        ...(http?.global ? [{ provide: APP_INTERCEPTOR, useExisting: HttpCacheInterceptor }] : []),
      ],
    }))
    .build();

/**
 * The cache for a Nest application: CacheService, HttpCacheInterceptor, HttpCache and MongooseCachePlugin.
 * Options that are not given come from the environment, through ConfigService where the application has one.
 */
@Module({
  imports: [MethodsModule],
  providers: [
    {
      provide: CacheService,
      inject: [MODULE_OPTIONS_TOKEN, { token: ConfigService, optional: true }],
      useFactory: (options: CacheModuleOptions, config?: ConfigService) =>
        createCache(options, config && ((name) => config.get<unknown>(name))),
    },
    HttpCache,
    HttpCacheInterceptor,
    EarlyRoutes,
    MongooseCachePlugin,
  ],
  exports: [CacheService, HttpCache, HttpCacheInterceptor, MongooseCachePlugin],
})
export class CacheModule extends ConfigurableModuleClass implements OnApplicationShutdown {
  constructor(private readonly cache: CacheService) {
    super();
  }

  /** Without options everything comes from the environment. */
  static override forRoot(options: CacheModuleOptions & CacheModuleExtras = {}): DynamicModule {
    return super.forRoot(options);
  }

  static override forRootAsync(options: typeof ASYNC_OPTIONS_TYPE & CacheModuleExtras): DynamicModule {
    return super.forRootAsync(options);
  }

  /** After the HTTP server was closed: answers that were under way had their cache. */
  async onApplicationShutdown(): Promise<void> {
    await this.cache.close();
  }
}
