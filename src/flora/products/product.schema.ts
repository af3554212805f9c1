import { Prop, Schema, SchemaFactory } from '@nestjs/mongoose';
import type { Types } from 'mongoose';

export const COLOURS = [
  'white',
  'cream',
  'yellow',
  'orange',
  'pink',
  'red',
  'purple',
  'blue',
  'green',
] as const;
export type Colour = (typeof COLOURS)[number];

const SLUG = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const isWhole = { validator: Number.isSafeInteger, message: '{PATH} must be a whole number' };

@Schema({ collection: 'products', versionKey: false })
export class Product {
  @Prop({ type: String, required: true, trim: true, minlength: 2, maxlength: 80 })
  name!: string;

  /** The product's name in links. */
  @Prop({ type: String, required: true, match: SLUG, unique: true })
  slug!: string;

  /** Slug of its category. */
  @Prop({ type: String, required: true, match: SLUG })
  category!: string;

  @Prop({ type: String, required: true, maxlength: 500 })
  description!: string;

  @Prop({ type: [{ type: String, enum: COLOURS }], required: true })
  colours!: Colour[];

  /** Money is whole cents: no rounding, no floating point. */
  @Prop({ type: Number, required: true, min: 1, validate: isWhole })
  priceCents!: number;

  /** Pieces that can be sold. */
  @Prop({ type: Number, required: true, min: 0, validate: isWhole })
  stock!: number;

  /** Pieces sold so far. */
  @Prop({ type: Number, required: true, default: 0, min: 0, validate: isWhole })
  sold!: number;

  @Prop({ type: Date, required: true, default: () => new Date(), immutable: true })
  createdAt!: Date;
}

export type StoredProduct = Product & { _id: Types.ObjectId };

export const ProductSchema = SchemaFactory.createForClass(Product);
ProductSchema.index({ category: 1, priceCents: 1 });
ProductSchema.index({ priceCents: 1 });
ProductSchema.index({ sold: -1 });
ProductSchema.index({ createdAt: -1 });
ProductSchema.index({ name: 'text', description: 'text' });
