import { Prop, Schema, SchemaFactory } from '@nestjs/mongoose';
import type { Types } from 'mongoose';

@Schema({ collection: 'customers', versionKey: false })
export class Customer {
  /** Customer number; the demo token of customer 17 is `demo-17`. */
  @Prop({ type: Number, required: true, min: 1, unique: true })
  number!: number;

  @Prop({ type: String, required: true, trim: true, maxlength: 80 })
  name!: string;

  @Prop({ type: String, required: true, lowercase: true, match: /^[^\s@]+@[^\s@]+$/, unique: true })
  email!: string;

  @Prop({ type: String, required: true, maxlength: 60 })
  city!: string;

  @Prop({ type: Date, required: true, default: () => new Date(), immutable: true })
  createdAt!: Date;
}

export type StoredCustomer = Customer & { _id: Types.ObjectId };

export const CustomerSchema = SchemaFactory.createForClass(Customer);
