import { ApiProperty } from '@nestjs/swagger';

export class MonthAnswer {
  @ApiProperty({ example: '2026-10' })
  month!: string;

  @ApiProperty({ example: 1_304 })
  orders!: number;

  @ApiProperty({ example: 7_204_150 })
  revenueCents!: number;
}

export class BestSellerAnswer {
  @ApiProperty({ example: 'Morning Mist Bouquet' })
  name!: string;

  @ApiProperty({ description: 'Pieces.', example: 112 })
  sold!: number;
}

/** The shop in numbers; cancelled orders don't count. */
export class StatisticsAnswer {
  @ApiProperty({ example: 29_112 })
  orders!: number;

  @ApiProperty({ example: 161_204_335 })
  revenueCents!: number;

  @ApiProperty({ description: 'The last months with orders, newest first.', type: [MonthAnswer] })
  months!: MonthAnswer[];

  @ApiProperty({ type: [BestSellerAnswer] })
  bestSellers!: BestSellerAnswer[];

  @ApiProperty({ description: 'When these numbers were computed.', example: '2026-10-30T09:12:00.000Z' })
  computedAt!: string;
}
