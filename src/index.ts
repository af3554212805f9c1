// Cache
export { CacheModule, type CacheModuleExtras } from './cache/cache.module.js';
export { CacheService, createCache } from './cache/cache.service.js';
export type { CacheModuleOptions } from './cache/cache.options.js';
export type { CacheStats } from './cache/cache-stats.js';
export type { CacheEvent, CacheEventMap } from './cache/engine/cache-events.js';
export type { Stamp } from './cache/engine/entry.js';
export type { Factory, FactoryContext } from './cache/factory.js';
export type { SetOptions } from './cache/set-options.js';
export type { RedisClient, RedisOptions } from './cache/redis/redis-options.js';
export { model, type ModelLike } from './cache/tags.js';
export {
  CacheCounterError,
  CacheKeyError,
  CacheMethodError,
  CacheOptionsError,
  CacheUnavailableError,
  CacheValueError,
  HttpCacheOptionsError,
  QueryCacheError,
} from './cache/cache.errors.js';

// Cache: methods of providers
export { Cacheable, type CacheableOptions } from './cache/methods/cacheable.decorator.js';
export type { AsyncMethodDecorator } from './cache/methods/decorated-methods.js';
export type { CacheEviction } from './cache/eviction.js';

// Cache: HTTP
export {
  CacheEvict,
  CacheKey,
  CacheResponse,
  CacheTags,
  CacheTTL,
  CacheVary,
  NoCache,
} from './cache/http/http-cache.decorators.js';
export { HttpCacheInterceptor } from './cache/http/http-cache.interceptor.js';
export { createHttpCache, HttpCache, type HttpCacheMiddleware } from './cache/http/http-cache.middleware.js';
export type {
  CacheEvictOptions,
  CacheResponseOptions,
  TagFunction,
} from './cache/http/http-cache.options.js';
export type {
  HttpCacheContext,
  HttpCacheRequest,
  HttpCacheResponse,
} from './cache/http/http-cache.context.js';
export type { QueryRule } from './cache/http/key.js';
export type {
  ExplainedEntry,
  ExplainedKey,
  ExplainedRoute,
  HttpCacheExplanation,
} from './cache/http/explain/explanation.js';
export type { ExplainedRequest, HttpApplication } from './cache/http/explain/questions.js';

// Cache: Mongoose
export {
  MONGOOSE_CACHE_OPTIONS,
  cacheDefaults,
  MongooseCachePlugin,
  type CacheDefaults,
  type MongooseCacheOptions,
  type MongooseWatch,
  type QueryCacheOptions,
} from './cache/mongoose/mongoose-cache.plugin.js';

// Cache: cache-manager
export {
  CACHE_MANAGER,
  provideCacheManager,
  type CacheManagerOptions,
} from './cache/cache-manager/cache-manager.provider.js';

// Backup
export { BackupModule, type BackupOptionsFactory } from './backup/backup.module.js';
export { BackupService } from './backup/backup.service.js';
export { createBackupService } from './backup/create-backup-service.js';
export { BackupScheduler, type ScheduleOptions } from './backup/backup.scheduler.js';
export { ScheduledBackup } from './backup/schedule/scheduled-backup.js';
export type { LockOption } from './backup/chosen-lock.js';
export type { RedisLockClient } from './coordination/redis.lock.js';
export type { BackupModuleOptions } from './backup/backup.options.js';
export type { Backup, BackupCopy, BackupStatus, CopyStatus } from './backup/backup.js';
export type { StorageOption } from './backup/copies/chosen-storages.js';
export type { CopyOptions, CopyReport } from './backup/copies/backup-copies.js';
export type { Codec } from './backup/compression.js';
export type { EncryptionKey, EncryptionOptions, KeyMaterial } from './backup/encryption/encryption-keys.js';
export type { ManifestNamespace, OplogRange } from './backup/manifest.js';
export type { OplogTime } from './backup/oplog/oplog-entry.js';
export type { NamespaceType } from './backup/archive/archive-summary.js';
export type { BackupFilter } from './backup/catalogue.js';
export type { BackupProgress, CollectionProgress, ProgressListener } from './backup/progress.js';
export type { CleanupOptions, CleanupReport } from './backup/cleanup.js';
export type { CreateBackupOptions } from './backup/create/creation.js';
export type { BackupHealth } from './backup/health.js';
export type { Hook, HookOptions, WebhookOptions } from './backup/hooks/hook-options.js';
export type {
  BackupFailure,
  BackupMade,
  BackupOccasion,
  CopyFailure,
  HookEvent,
  HookEvents,
} from './backup/hooks/hook-events.js';
export type { RestoreOptions } from './backup/restore/restoration.js';
export type { RestoredNamespace, RestoreReport } from './backup/restore/restore-report.js';
export type { RetentionPolicy } from './backup/retention.js';
export type { VerifyLevel, VerifyOptions, VerifyReport } from './backup/verification.js';
export type { S3Options } from './backup/storage/s3-options.js';
export {
  BackupDraft,
  BackupStorage,
  type DraftPurpose,
  StoredBackup,
} from './backup/storage/backup-storage.js';
export {
  BackupError,
  SwapFailedError,
  TargetNotEmptyError,
  type BackupErrorCode,
} from './backup/backup.errors.js';

// Shared
export { Lock } from './coordination/lock.js';
export { Clock, SystemClock } from './coordination/clock.js';
export { DurationError, type Duration } from './duration.js';
export { EnvironmentError, validateEnvironment } from './environment.js';
export { FloraError } from './errors.js';
