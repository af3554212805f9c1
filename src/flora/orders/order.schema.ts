import { Prop, Schema, SchemaFactory } from '@nestjs/mongoose';
import { Schema as MongooseSchema, type Types } from 'mongoose';

export const ORDER_STATUSES = ['placed', 'paid', 'shipped', 'delivered', 'cancelled'] as const;
export type OrderStatus = (typeof ORDER_STATUSES)[number];

/** What was bought, with name and price as they were on that day. */
@Schema({ _id: false })
export class OrderLine {
  @Prop({ type: MongooseSchema.Types.ObjectId, ref: 'Product', required: true })
  product!: Types.ObjectId;

  @Prop({ type: String, required: true })
  name!: string;

  @Prop({ type: Number, required: true, min: 1, validate: Number.isSafeInteger })
  quantity!: number;

  @Prop({ type: Number, required: true, min: 1, validate: Number.isSafeInteger })
  unitPriceCents!: number;
}

@Schema({ collection: 'orders', versionKey: false })
export class Order {
  @Prop({ type: MongooseSchema.Types.ObjectId, ref: 'Customer', required: true })
  customer!: Types.ObjectId;

  @Prop({
    type: [SchemaFactory.createForClass(OrderLine)],
    validate: { validator: (lines: OrderLine[]) => lines.length > 0, message: 'an order has lines' },
  })
  lines!: OrderLine[];

  @Prop({ type: Number, required: true, min: 1, validate: Number.isSafeInteger })
  totalCents!: number;

  @Prop({ type: String, required: true, enum: ORDER_STATUSES, default: 'placed' })
  status!: OrderStatus;

  @Prop({ type: Date, required: true, default: () => new Date(), immutable: true })
  placedAt!: Date;
}

export type StoredOrder = Order & { _id: Types.ObjectId };

/** The price of some lines, in cents. */
export function totalOf(lines: readonly Pick<OrderLine, 'quantity' | 'unitPriceCents'>[]): number {
  return lines.reduce((sum, { quantity, unitPriceCents }) => sum + quantity * unitPriceCents, 0);
}

export const OrderSchema = SchemaFactory.createForClass(Order);
OrderSchema.index({ customer: 1, placedAt: -1 });
OrderSchema.index({ placedAt: -1 });
OrderSchema.index({ status: 1, placedAt: -1 });
OrderSchema.pre('validate', function () {
  if (this.totalCents !== totalOf(this.lines)) this.invalidate('totalCents', 'is not the sum of the lines');
});
