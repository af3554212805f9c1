import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Get, HttpStatus, Res } from '@nestjs/common';
import { InjectConnection } from '@nestjs/mongoose';
import {
  ApiOkResponse,
  ApiOperation,
  ApiProperty,
  ApiServiceUnavailableResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { Response } from 'express';
import type { Connection } from 'mongoose';
import { CacheService } from '../../index.js';

export class HealthAnswer {
  @ApiProperty({ enum: ['ok', 'down'] })
  status!: 'ok' | 'down';

  @ApiProperty({ enum: ['up', 'down'] })
  mongodb!: 'up' | 'down';

  @ApiProperty({
    description: '`down`: the shop goes on, slower. `memory`: it was started without a Redis.',
    enum: ['up', 'down', 'memory'],
  })
  redis!: 'up' | 'down' | 'memory';
}

const PATIENCE = 1_000;

@ApiTags('shop')
@Controller('health')
export class HealthController {
  constructor(
    @InjectConnection() private readonly connection: Connection,
    private readonly cache: CacheService,
  ) {}

  @Get()
  @ApiOperation({
    summary: 'Is the shop open?',
    description: 'It is as long as MongoDB answers, with Redis or without.',
  })
  @ApiOkResponse({ type: HealthAnswer })
  @ApiServiceUnavailableResponse({ type: HealthAnswer })
  async health(@Res({ passthrough: true }) response: Response): Promise<HealthAnswer> {
    const isUp = await this.answers();
    if (!isUp) response.status(HttpStatus.SERVICE_UNAVAILABLE);
    return {
      status: isUp ? 'ok' : 'down',
      mongodb: isUp ? 'up' : 'down',
      redis: this.cache.stats().state,
    };
  }

  /** Who asks for health can't wait for as long as the driver would look for a server. */
  private async answers(): Promise<boolean> {
    const ping = Promise.resolve(this.connection.db?.command({ ping: 1 }));
    const isUp = ping.then(
      (answer) => answer !== undefined,
      () => false,
    );
    return Promise.race([isUp, sleep(PATIENCE, false, { ref: false })]);
  }
}
