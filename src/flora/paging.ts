import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsInt, Max, Min } from 'class-validator';

/** The part of a query string that chooses a page of a list. */
export class PageQuery {
  @ApiPropertyOptional({ description: 'Which page, from 1.', default: 1, minimum: 1, maximum: 10_000 })
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(10_000)
  page = 1;

  @ApiPropertyOptional({ description: 'How many on a page.', default: 24, minimum: 1, maximum: 100 })
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(100)
  perPage = 24;
}

/** What every page of a list tells beside its items. */
export abstract class Page<T> {
  abstract items: T[];

  @ApiProperty({ example: 1 })
  readonly page: number;

  @ApiProperty({ example: 24 })
  readonly perPage: number;

  @ApiProperty({ description: 'How many there are on all pages.', example: 312 })
  readonly total: number;

  @ApiProperty({ description: 'How many pages there are.', example: 13 })
  readonly pages: number;

  constructor({ page, perPage }: PageQuery, total: number) {
    this.page = page;
    this.perPage = perPage;
    this.total = total;
    this.pages = Math.ceil(total / perPage);
  }
}
