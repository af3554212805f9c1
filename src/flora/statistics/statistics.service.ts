import { Injectable } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import { Model } from 'mongoose';
import { Cacheable, model } from '../../index.js';
import { Order } from '../orders/order.schema.js';
import { Product } from '../products/product.schema.js';
import type { BestSellerAnswer, MonthAnswer, StatisticsAnswer } from './statistics.answers.js';

@Injectable()
export class StatisticsService {
  constructor(
    @InjectModel(Order.name) private readonly orders: Model<Order>,
    @InjectModel(Product.name) private readonly products: Model<Product>,
  ) {}

  /** Tens of thousands of orders are added up once, not once per visitor: whoever comes meanwhile waits for it. */
  @Cacheable({ key: 'statistics', ttl: '10m', tags: [model(Order.name), model(Product.name)] })
  async get(): Promise<StatisticsAnswer> {
    const [months, bestSellers] = await Promise.all([this.months(), this.bestSellers()]);
    return {
      orders: months.reduce((sum, month) => sum + month.orders, 0),
      revenueCents: months.reduce((sum, month) => sum + month.revenueCents, 0),
      months: months.slice(0, 12),
      bestSellers,
      computedAt: new Date().toISOString(),
    };
  }

  private async months(): Promise<MonthAnswer[]> {
    return this.orders.aggregate<MonthAnswer>([
      { $match: { status: { $ne: 'cancelled' } } },
      {
        $group: {
          _id: { $dateToString: { date: '$placedAt', format: '%Y-%m' } },
          orders: { $sum: 1 },
          revenueCents: { $sum: '$totalCents' },
        },
      },
      { $sort: { _id: -1 } },
      { $project: { _id: 0, month: '$_id', orders: 1, revenueCents: 1 } },
    ]);
  }

  private async bestSellers(): Promise<BestSellerAnswer[]> {
    return this.products
      .find({}, { _id: 0, name: 1, sold: 1 })
      .sort({ sold: -1, _id: 1 })
      .limit(10)
      .lean<BestSellerAnswer[]>();
  }
}
