import { randomBytes } from 'node:crypto';
import mongoose, { type Model, type Schema } from 'mongoose';

/** What is cached: a product of a shop, 14 fields, some 1.2 kB as BSON. */
export interface Product {
  _id: mongoose.Types.ObjectId;
  name: string;
  slug: string;
  description: string;
  price: mongoose.Types.Decimal128;
  currency: string;
  published: boolean;
  shelf: number;
  position: number;
  supplier: mongoose.Types.ObjectId;
  categories: mongoose.Types.ObjectId[];
  colours: string[];
  variants: { sku: string; size: string; price: mongoose.Types.Decimal128; stock: number }[];
  images: { url: string; alt: string; width: number; height: number }[];
  attributes: Record<string, unknown>;
  createdAt: Date;
  updatedAt: Date;
}

export const SHELVES = 20;
const PRODUCTS_PER_SHELF = 100;
const COLLECTION = 'products';
const FLOWERS = ['rose', 'tulip', 'peony', 'dahlia', 'lily', 'iris', 'aster', 'orchid'];
const SIZES = ['small', 'medium', 'large'];

export type ProductModel = Model<Product>;

export function productSchema(): Schema<Product> {
  const { ObjectId, Decimal128, Mixed } = mongoose.Schema.Types;
  const variant = new mongoose.Schema({ sku: String, size: String, price: Decimal128, stock: Number });
  const image = new mongoose.Schema(
    { url: String, alt: String, width: Number, height: Number },
    { _id: false },
  );
  return new mongoose.Schema(
    {
      name: { type: String, required: true },
      slug: { type: String, index: true },
      description: String,
      price: Decimal128,
      currency: String,
      published: Boolean,
      shelf: { type: Number, index: true },
      position: Number,
      supplier: { type: ObjectId },
      categories: [{ type: ObjectId }],
      colours: [String],
      variants: [variant],
      images: [image],
      attributes: Mixed,
    },
    { timestamps: true, collection: COLLECTION, autoIndex: false },
  );
}

/** Fills an empty database: 20 shelves with 100 products each. */
export async function seed(uri: string): Promise<void> {
  const connection = await mongoose.createConnection(uri).asPromise();
  try {
    const products = connection.collection(COLLECTION);
    const all = Array.from({ length: SHELVES * PRODUCTS_PER_SHELF }, (_, n) => product(n));
    await products.insertMany(all);
    await products.createIndex({ shelf: 1, position: 1 });
    await products.createIndex({ slug: 1 });
  } finally {
    await connection.close();
  }
}

export const slugOf = (n: number): string => `bouquet-${n}-${FLOWERS[n % FLOWERS.length]}`;

function product(n: number) {
  const { ObjectId, Decimal128 } = mongoose.Types;
  const flower = FLOWERS[n % FLOWERS.length] as string;
  const [shelf, position] = [n % SHELVES, Math.floor(n / SHELVES)];
  const made = new Date(1_700_000_000_000 + n * 60_000);
  return {
    _id: new ObjectId(),
    name: `Bouquet no. ${n} with ${flower}`,
    slug: slugOf(n),
    description: `A hand-tied bouquet of ${flower} and greenery, cut on the day it is sent and delivered in water.`,
    price: Decimal128.fromString(`${19 + (n % 50)}.90`),
    currency: 'EUR',
    published: n % 11 !== 0,
    shelf,
    position,
    supplier: new ObjectId(),
    categories: [new ObjectId(), new ObjectId(), new ObjectId()],
    colours: ['red', 'white', 'green'].slice(0, 1 + (n % 3)),
    variants: SIZES.map((size, i) => ({
      _id: new ObjectId(),
      sku: `B${n}-${size}-${randomBytes(3).toString('hex')}`,
      size,
      price: Decimal128.fromString(`${19 + (n % 50) + 10 * i}.90`),
      stock: (n * 7 + i) % 40,
    })),
    images: [0, 1].map((i) => ({
      url: `/images/products/${n}/${i}.webp`,
      alt: `Bouquet with ${flower}`,
      width: 1_200,
      height: 900 + i,
    })),
    attributes: { grower: new ObjectId(), cutAt: made, stemLength: 40 + (n % 30), scent: flower },
    createdAt: made,
    updatedAt: made,
    __v: 0,
  };
}
