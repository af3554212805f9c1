import { ApiProperty } from '@nestjs/swagger';
import { Page, type PageQuery } from '../paging.js';
import { ORDER_STATUSES, type OrderLine, type OrderStatus, type StoredOrder } from './order.schema.js';

/** A line of an order or a cart. */
export class LineAnswer {
  @ApiProperty({ example: '5eed01000000000000000001' })
  readonly productId: string;

  @ApiProperty({ example: 'Morning Mist Bouquet' })
  readonly name: string;

  @ApiProperty({ example: 2 })
  readonly quantity: number;

  @ApiProperty({ description: 'Price of one when it was chosen, in cents.', example: 3_450 })
  readonly unitPriceCents: number;

  constructor({ product, name, quantity, unitPriceCents }: OrderLine) {
    this.productId = product.toHexString();
    this.name = name;
    this.quantity = quantity;
    this.unitPriceCents = unitPriceCents;
  }
}

export class OrderAnswer {
  @ApiProperty({ example: '5eed03000000000000000001' })
  readonly id: string;

  @ApiProperty({ enum: ORDER_STATUSES })
  readonly status: OrderStatus;

  @ApiProperty({ type: [LineAnswer] })
  readonly lines: LineAnswer[];

  @ApiProperty({ example: 6_900 })
  readonly totalCents: number;

  @ApiProperty({ example: '2026-10-30T09:12:00.000Z' })
  readonly placedAt: string;

  constructor(order: StoredOrder) {
    this.id = order._id.toHexString();
    this.status = order.status;
    this.lines = order.lines.map((line) => new LineAnswer(line));
    this.totalCents = order.totalCents;
    this.placedAt = order.placedAt.toISOString();
  }
}

export class OrdersPage extends Page<OrderAnswer> {
  @ApiProperty({ type: [OrderAnswer] })
  readonly items: OrderAnswer[];

  constructor(query: PageQuery, total: number, orders: StoredOrder[]) {
    super(query, total);
    this.items = orders.map((order) => new OrderAnswer(order));
  }
}
