import {
  BadRequestException,
  Body,
  Controller,
  Get,
  HttpCode,
  Param,
  Post,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import {
  ApiBadRequestResponse,
  ApiBearerAuth,
  ApiConflictResponse,
  ApiCreatedResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiServiceUnavailableResponse,
  ApiTags,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import {
  BackupService,
  CacheService,
  type CleanupReport,
  type RestoreReport,
  type VerifyReport,
} from '../../index.js';
import { AdminGuard } from './admin.guard.js';
import { BackupErrorsFilter } from './backup-errors.filter.js';
import { BackupAnswer, CreateBackup, RestoreBackup, VerifyBackup } from './backup.messages.js';

const BackupId = () => ApiParam({ name: 'id', example: '20261030T091200000Z-9f3ac1d0' });

@ApiTags('admin')
@ApiBearerAuth('admin')
@ApiUnauthorizedResponse()
@ApiServiceUnavailableResponse({ description: 'mongodump is not to be had, or there is no room.' })
@Controller('admin/backups')
@UseGuards(AdminGuard)
@UseFilters(BackupErrorsFilter)
export class BackupsController {
  constructor(
    private readonly backups: BackupService,
    private readonly cache: CacheService,
  ) {}

  @Post()
  @ApiOperation({
    summary: 'Back the shop up',
    description: 'What is answered is whole, counted and hashed.',
  })
  @ApiCreatedResponse({ type: BackupAnswer })
  async create(@Body() { label }: CreateBackup): Promise<BackupAnswer> {
    return new BackupAnswer(await this.backups.createBackup(label === undefined ? {} : { label }));
  }

  @Get()
  @ApiOperation({ summary: 'All backups' })
  @ApiOkResponse({ type: [BackupAnswer] })
  async list(): Promise<BackupAnswer[]> {
    const backups = await this.backups.listBackups();
    return backups.map((backup) => new BackupAnswer(backup));
  }

  @Post(':id/verify')
  @HttpCode(200)
  @BackupId()
  @ApiOperation({ summary: 'Is it still good?' })
  @ApiOkResponse({ description: 'What was found.' })
  @ApiNotFoundResponse()
  verify(@Param('id') id: string, @Body() { level }: VerifyBackup): Promise<VerifyReport> {
    return this.backups.verifyBackup(id, { level });
  }

  @Post(':id/restore')
  @HttpCode(200)
  @BackupId()
  @ApiOperation({ summary: 'Replace the shop by a backup', description: 'The body says the id once more.' })
  @ApiOkResponse({ description: 'What was restored.' })
  @ApiBadRequestResponse({ description: 'Not confirmed; nothing was touched.' })
  @ApiNotFoundResponse()
  @ApiConflictResponse({ description: 'The backup is not good; nothing was touched.' })
  async restore(@Param('id') id: string, @Body() { confirm }: RestoreBackup): Promise<RestoreReport> {
    if (confirm !== id) throw new BadRequestException(`To replace the shop, send {"confirm": "${id}"}`);
    try {
      return await this.backups.restoreBackup(id, { force: true });
    } finally {
      // mongorestore writes past Mongoose: what was cached before, is of another time.
      await this.cache.clear();
    }
  }

  @Post('cleanup')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Remove what is older than BACKUP_RETENTION_DAYS',
    description: 'Never the last good one.',
  })
  @ApiOkResponse({ description: 'What was removed and what is kept.' })
  cleanup(): Promise<CleanupReport> {
    return this.backups.cleanupBackups();
  }
}
