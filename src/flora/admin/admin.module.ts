import { Module } from '@nestjs/common';
import { BackupsController } from './backups.controller.js';
import { CacheController } from './cache.controller.js';

@Module({ controllers: [BackupsController, CacheController] })
export class AdminModule {}
