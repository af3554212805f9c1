import type { Mongoose } from 'mongoose';
import type { AnySchema } from './query-cache.js';

/** Products with a field of every kind, and one, `mixed`, that takes anything as it is. */
export function productSchema({ Schema }: Mongoose): AnySchema {
  return new Schema({
    name: String,
    category: String,
    price: Number,
    cost: Schema.Types.Decimal128,
    soldAt: Date,
    picture: Buffer,
    sizes: [{ label: String, stems: Number }],
    attributes: { type: Map, of: String },
    supplier: { type: Schema.Types.ObjectId, ref: 'Supplier' },
    suppliers: [{ type: Schema.Types.ObjectId, ref: 'Supplier' }],
    hidden: { type: String, select: false },
    mixed: Schema.Types.Mixed,
  });
}

export function supplierSchema({ Schema }: Mongoose): AnySchema {
  return new Schema({
    name: String,
    city: String,
    country: { type: Schema.Types.ObjectId, ref: 'Country' },
  });
}

export function countrySchema({ Schema }: Mongoose): AnySchema {
  return new Schema({ name: String });
}
