import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import { Model, type Types } from 'mongoose';
import { CacheService, CacheUnavailableError } from '../../index.js';
import { Cart } from './cart.schema.js';

const KEPT = '1h';

/**
 * What a cart costs, as a counter in the cache: every page of a shop shows it, so it is read without MongoDB.
 * MongoDB has the truth, and is asked whenever the counter is not there.
 */
@Injectable()
export class CartTotal {
  constructor(
    private readonly cache: CacheService,
    @InjectModel(Cart.name) private readonly carts: Model<Cart>,
  ) {}

  async read(customer: Types.ObjectId): Promise<{ totalCents: number; from: 'counter' | 'mongodb' }> {
    const counted = await this.cache.get<number>(key(customer));
    if (counted !== undefined) return { totalCents: counted, from: 'counter' };
    const cart = await this.carts.findById(customer).lean();
    return { totalCents: cart?.totalCents ?? 0, from: 'mongodb' };
  }

  /**
   * Counts a change of the cart. To be called within the transaction that writes the cart: MongoDB then lets one
   * change of a cart in after the other, so they are counted in that order too.
   *
   * @param total the cart's total after the change
   */
  async count(customer: Types.ObjectId, change: number, total: number): Promise<void> {
    try {
      const counted = await this.cache.increment(key(customer), change, { ttl: KEPT });
      if (counted === total) return;
      // The counter had expired, or missed a change while Redis was away: it starts again from the truth.
      await this.cache.delete(key(customer));
      await this.cache.increment(key(customer), total, { ttl: KEPT });
    } catch (error) {
      if (!(error instanceof CacheUnavailableError)) throw error;
      await this.forget(customer);
    }
  }

  /** Without Redis this is noted, and done before the counter can be read again. */
  async forget(customer: Types.ObjectId): Promise<void> {
    await this.cache.delete(key(customer));
  }
}

const key = (customer: Types.ObjectId): string => `cart-total:${customer.toHexString()}`;
