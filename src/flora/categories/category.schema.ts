import { Prop, Schema, SchemaFactory } from '@nestjs/mongoose';

@Schema({ collection: 'categories', versionKey: false })
export class Category {
  /** The category's name in links, and what `Product.category` holds. */
  @Prop({ type: String, required: true, match: /^[a-z0-9]+(-[a-z0-9]+)*$/, unique: true })
  slug!: string;

  @Prop({ type: String, required: true, trim: true, maxlength: 40 })
  name!: string;

  @Prop({ type: String, required: true, maxlength: 200 })
  description!: string;
}

export const CategorySchema = SchemaFactory.createForClass(Category);
