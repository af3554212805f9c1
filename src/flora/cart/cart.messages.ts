import { ApiProperty } from '@nestjs/swagger';
import { IsInt, Max, Min } from 'class-validator';
import { LineAnswer } from '../orders/order.answers.js';
import { type OrderLine, totalOf } from '../orders/order.schema.js';

export class PutLine {
  @ApiProperty({ description: 'How many are wanted in all.', example: 2, minimum: 1, maximum: 100 })
  @IsInt()
  @Min(1)
  @Max(100)
  quantity!: number;
}

export class CartAnswer {
  @ApiProperty({ type: [LineAnswer] })
  readonly lines: LineAnswer[];

  @ApiProperty({ example: 6_900 })
  readonly totalCents: number;

  constructor(lines: OrderLine[]) {
    this.lines = lines.map((line) => new LineAnswer(line));
    this.totalCents = totalOf(lines);
  }
}

export class CartTotalAnswer {
  @ApiProperty({ example: 6_900 })
  totalCents!: number;

  @ApiProperty({
    description: 'Where it was read: without Redis, MongoDB is asked.',
    enum: ['counter', 'mongodb'],
  })
  from!: 'counter' | 'mongodb';
}
