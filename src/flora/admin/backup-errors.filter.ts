import { type ArgumentsHost, Catch, type ExceptionFilter, HttpStatus, Logger } from '@nestjs/common';
import type { Response } from 'express';
import { BackupError, type BackupErrorCode } from '../../index.js';

/** Codes that are the caller's affair or will pass; any other is an error of the server. */
const STATUSES: Partial<Record<BackupErrorCode, HttpStatus>> = {
  INVALID_BACKUP_ID: HttpStatus.BAD_REQUEST,
  INVALID_OPTIONS: HttpStatus.BAD_REQUEST,
  BACKUP_NOT_FOUND: HttpStatus.NOT_FOUND,
  BACKUP_DAMAGED: HttpStatus.CONFLICT,
  BACKUP_UNSUPPORTED: HttpStatus.CONFLICT,
  RESTORE_REFUSED: HttpStatus.CONFLICT,
  TOOL_NOT_FOUND: HttpStatus.SERVICE_UNAVAILABLE,
  TOOL_TOO_OLD: HttpStatus.SERVICE_UNAVAILABLE,
  SERVER_UNREACHABLE: HttpStatus.SERVICE_UNAVAILABLE,
  STORAGE_FULL: HttpStatus.SERVICE_UNAVAILABLE,
  STORAGE_UNUSABLE: HttpStatus.SERVICE_UNAVAILABLE,
};

/** Tells an admin what went wrong with a backup, by its code and in its words: they never hold a secret. */
@Catch(BackupError)
export class BackupErrorsFilter implements ExceptionFilter<BackupError> {
  private readonly log = new Logger(BackupErrorsFilter.name);

  catch({ code, message }: BackupError, host: ArgumentsHost): void {
    const statusCode = STATUSES[code] ?? HttpStatus.INTERNAL_SERVER_ERROR;
    if (statusCode >= HttpStatus.INTERNAL_SERVER_ERROR) this.log.error(message);
    host.switchToHttp().getResponse<Response>().status(statusCode).json({ statusCode, code, message });
  }
}
