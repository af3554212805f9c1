import { Controller, Delete, Get, HttpCode, UseGuards } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiNoContentResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import { CacheService, type CacheStats } from '../../index.js';
import { AdminGuard } from './admin.guard.js';

@ApiTags('admin')
@ApiBearerAuth('admin')
@ApiUnauthorizedResponse()
@Controller('admin/cache')
@UseGuards(AdminGuard)
export class CacheController {
  constructor(private readonly cache: CacheService) {}

  @Get()
  @ApiOperation({ summary: 'What the cache did since the start', description: 'Of this process alone.' })
  @ApiOkResponse({
    schema: {
      example: {
        hits: { memory: 812, redis: 37, flight: 4 },
        staleHits: 0,
        misses: 61,
        fills: 58,
        fenced: 0,
        unreadable: 0,
        state: 'up',
        journalled: 0,
        memoryEntries: 54,
      },
    },
  })
  stats(): CacheStats {
    return this.cache.stats();
  }

  @Delete()
  @HttpCode(204)
  @ApiOperation({
    summary: 'Clear the cache',
    description: 'Of this shop alone: other keys in the Redis stay.',
  })
  @ApiNoContentResponse()
  async clear(): Promise<void> {
    await this.cache.clear();
  }
}
