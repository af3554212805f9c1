import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Length } from 'class-validator';
import type { Backup } from '../../index.js';

export class CreateBackup {
  @ApiPropertyOptional({
    description: 'A word for people.',
    example: 'before the spring sale',
    maxLength: 80,
  })
  @IsOptional()
  @IsString()
  @Length(1, 80)
  label?: string;
}

export class VerifyBackup {
  @ApiPropertyOptional({
    description: '`hash`: the bytes are as they were stored. `archive`: and every document can be read.',
    enum: ['hash', 'archive'],
    default: 'archive',
  })
  @IsIn(['hash', 'archive'])
  level: 'hash' | 'archive' = 'archive';
}

export class RestoreBackup {
  @ApiProperty({
    description: 'The id of the backup once more: everything in the shop is replaced by what it holds.',
    example: '20261030T091200000Z-9f3ac1d0',
  })
  @IsString()
  confirm!: string;
}

export class BackupAnswer {
  @ApiProperty({ example: '20261030T091200000Z-9f3ac1d0' })
  readonly id: string;

  @ApiProperty({ enum: ['good', 'damaged', 'foreign'] })
  readonly status: Backup['status'];

  @ApiPropertyOptional({ description: 'What is wrong with it, if it is not good.' })
  readonly problem?: string;

  @ApiPropertyOptional({ example: 'before the spring sale' })
  readonly label?: string;

  @ApiPropertyOptional({ example: '2026-10-30T09:12:00.000Z' })
  readonly createdAt?: string;

  @ApiPropertyOptional({ description: 'How many documents it holds.', example: 35_012 })
  readonly documents?: number;

  @ApiPropertyOptional({ description: 'Stored bytes.', example: 1_824_112 })
  readonly bytes?: number;

  @ApiPropertyOptional({ description: 'How long its making took, in seconds.', example: 1.3 })
  readonly seconds?: number;

  constructor({ id, status, problem, label, createdAt, documents, bytes, seconds }: Backup) {
    this.id = id;
    this.status = status;
    if (problem !== undefined) this.problem = problem;
    if (label !== undefined) this.label = label;
    if (createdAt !== undefined) this.createdAt = createdAt.toISOString();
    if (documents !== undefined) this.documents = documents;
    if (bytes !== undefined) this.bytes = bytes;
    if (seconds !== undefined) this.seconds = seconds;
  }
}
