import { Prop, Schema, SchemaFactory } from '@nestjs/mongoose';
import { Schema as MongooseSchema, type Types } from 'mongoose';
import { OrderLine } from '../orders/order.schema.js';

/** A customer's cart; its id is the customer's. */
@Schema({ collection: 'carts', versionKey: false })
export class Cart {
  @Prop({ type: MongooseSchema.Types.ObjectId, ref: 'Customer', required: true })
  _id!: Types.ObjectId;

  @Prop({ type: [SchemaFactory.createForClass(OrderLine)], default: [] })
  lines!: OrderLine[];

  @Prop({ type: Number, required: true, default: 0, min: 0, validate: Number.isSafeInteger })
  totalCents!: number;
}

export const CartSchema = SchemaFactory.createForClass(Cart);
