import { Injectable } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { InjectConnection } from '@nestjs/mongoose';
import mongoose, { type Connection } from 'mongoose';
import { Category } from '../categories/category.schema.js';
import type { Configuration } from '../configuration.js';
import { Customer } from '../customers/customer.schema.js';
import { Order } from '../orders/order.schema.js';
import { Product } from '../products/product.schema.js';
import { makeShopData, type ShopSize } from './shop-data.js';

const BATCH = 2_000;
const DUPLICATE_KEY = 11_000;
/** Holds a document only while a database is being filled. */
const UNFINISHED = 'seeding';

type SizeName = 'FLORA_SEED_PRODUCTS' | 'FLORA_SEED_CUSTOMERS' | 'FLORA_SEED_ORDERS';

@Injectable()
export class SeedService {
  constructor(
    @InjectConnection() private readonly connection: Connection,
    private readonly config: ConfigService<Configuration, true>,
  ) {}

  /**
   * Fills an empty database, or one whose filling was cut off. Every document has the same id whoever makes it, so
   * two shops that start at once fill one database together.
   *
   * @returns undefined when there was anything else in the database: nothing is touched then
   */
  async fillEmptyDatabase(): Promise<ShopSize | undefined> {
    const unfinished = this.connection.collection(UNFINISHED);
    const isCutOff = (await unfinished.countDocuments()) > 0;
    if (!isCutOff && !(await this.isEmpty())) return undefined;
    await unfinished.updateOne({}, { $set: { since: new Date() } }, { upsert: true });
    const size = this.size();
    const { categories, products, customers, orders } = makeShopData(size);
    await this.insert(Category.name, categories);
    await this.insert(Product.name, products);
    await this.insert(Customer.name, customers);
    await this.insert(Order.name, orders);
    await unfinished.drop();
    return size;
  }

  private size(): ShopSize {
    const size = (name: SizeName): number => this.config.get(name, { infer: true });
    return {
      products: size('FLORA_SEED_PRODUCTS'),
      customers: size('FLORA_SEED_CUSTOMERS'),
      orders: size('FLORA_SEED_ORDERS'),
    };
  }

  private async isEmpty(): Promise<boolean> {
    for (const name of [Category.name, Product.name, Customer.name, Order.name]) {
      if (await this.connection.model(name).exists({})) return false;
    }
    return true;
  }

  /** `lean`: the data is right by construction, so 35,000 documents need not be built and validated one by one. */
  private async insert(name: string, documents: readonly object[]): Promise<void> {
    const collection = this.connection.model(name);
    // Unique indexes first: they keep two who fill at once from making doubles.
    await collection.init();
    for (let from = 0; from < documents.length; from += BATCH) {
      await collection
        .insertMany(documents.slice(from, from + BATCH), { ordered: false, lean: true })
        .catch(forgiveDuplicates);
    }
  }
}

/** What is there already was inserted by another, or before the filling was cut off. */
function forgiveDuplicates(error: unknown): void {
  const isBulk = error instanceof mongoose.mongo.MongoBulkWriteError;
  if (!isBulk || ![error.writeErrors].flat().every(({ code }) => code === DUPLICATE_KEY)) throw error;
}
