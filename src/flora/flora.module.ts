import { type DynamicModule, Module, ValidationPipe } from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { APP_FILTER, APP_PIPE } from '@nestjs/core';
import { MongooseModule } from '@nestjs/mongoose';
import { ScheduleModule } from '@nestjs/schedule';
import { BackupModule, CacheModule, MongooseCachePlugin } from '../index.js';
import { AdminModule } from './admin/admin.module.js';
import { CartModule } from './cart/cart.module.js';
import { CategoriesModule } from './categories/categories.module.js';
import { type Configuration, validateConfiguration } from './configuration.js';
import { CustomersModule } from './customers/customers.module.js';
import { checkDatabase } from './database-check.js';
import { DatabaseErrorsFilter } from './database-errors.filter.js';
import { HealthController } from './health/health.controller.js';
import { OrdersModule } from './orders/orders.module.js';
import { ProductsModule } from './products/products.module.js';
import { SeedService } from './seed/seed.service.js';
import { StatisticsModule } from './statistics/statistics.module.js';
import { WelcomeController } from './welcome/welcome.controller.js';

/** What is known only when the shop is started. */
export interface Start {
  /** Variables that win over the environment: where the servers are that were brought for this run, for example. */
  variables?: Partial<Record<keyof Configuration, string>>;
  /** There is no Redis to be had: the cache lives in this process. */
  withoutRedis?: boolean;
}

type Config = ConfigService<Configuration, true>;

@Module({})
export class FloraModule {
  /** @throws EnvironmentError, DatabaseCheckError */
  static async start({ variables = {}, withoutRedis = false }: Start = {}): Promise<DynamicModule> {
    let uri = '';
    const configuration = await ConfigModule.forRoot({
      isGlobal: true,
      validate: (environment) => {
        const valid = validateConfiguration({ ...environment, ...variables });
        uri = valid.MONGO_URI;
        return { ...valid };
      },
    });
    // Before anything is made that would have to be closed again.
    await checkDatabase(uri);
    return {
      module: FloraModule,
      imports: [
        configuration,
        CacheModule.forRootAsync({
          inject: [ConfigService],
          useFactory: (config: Config) => ({
            redis: withoutRedis ? false : { url: config.get('REDIS_URL', { infer: true }) },
            ttl: config.get('REDIS_TTL', { infer: true }),
            namespace: config.get('CACHE_NAMESPACE', { infer: true }),
          }),
        }),
        MongooseModule.forRootAsync({
          inject: [ConfigService, MongooseCachePlugin],
          useFactory: (config: Config, cache: MongooseCachePlugin) => ({
            uri: config.get('MONGO_URI', { infer: true }),
            serverSelectionTimeoutMS: 5_000,
            connectionFactory: cache.attach,
          }),
        }),
        // Once, here: BackupModule finds its registry and puts the backup schedule into it.
        ScheduleModule.forRoot(),
        BackupModule.forRootAsync({
          inject: [ConfigService],
          useFactory: (config: Config) => ({
            uri: config.get('MONGO_URI', { infer: true }),
            directory: config.get('BACKUP_DIR', { infer: true }),
            retention: { days: config.get('BACKUP_RETENTION_DAYS', { infer: true }) },
            schedule: config.get('BACKUP_CRON', { infer: true }) || false,
          }),
        }),
        ProductsModule,
        CategoriesModule,
        CustomersModule,
        OrdersModule,
        CartModule,
        StatisticsModule,
        AdminModule,
      ],
      controllers: [WelcomeController, HealthController],
      providers: [
        SeedService,
        { provide: APP_FILTER, useClass: DatabaseErrorsFilter },
        {
          provide: APP_PIPE,
          useValue: new ValidationPipe({ whitelist: true, forbidNonWhitelisted: true, transform: true }),
        },
      ],
    };
  }
}
