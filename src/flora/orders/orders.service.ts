import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { InjectConnection, InjectModel } from '@nestjs/mongoose';
import { type ClientSession, type Connection, Model, Types } from 'mongoose';
import type { PageQuery } from '../paging.js';
import { Product, type StoredProduct } from '../products/product.schema.js';
import { OrderAnswer, OrdersPage } from './order.answers.js';
import type { WantedLine } from './order.requests.js';
import { Order, type OrderLine, type StoredOrder, totalOf } from './order.schema.js';

@Injectable()
export class OrdersService {
  constructor(
    @InjectConnection() private readonly connection: Connection,
    @InjectModel(Order.name) private readonly orders: Model<Order>,
    @InjectModel(Product.name) private readonly products: Model<Product>,
  ) {}

  async list(customer: Types.ObjectId, query: PageQuery): Promise<OrdersPage> {
    const [total, orders] = await Promise.all([
      this.orders.countDocuments({ customer }),
      this.orders
        .find({ customer })
        .sort({ placedAt: -1, _id: -1 })
        .skip((query.page - 1) * query.perPage)
        .limit(query.perPage)
        .lean<StoredOrder[]>(),
    ]);
    return new OrdersPage(query, total, orders);
  }

  /** Another customer's order is not there, rather than forbidden: its existence is nobody's business. */
  async get(customer: Types.ObjectId, id: Types.ObjectId): Promise<OrderAnswer> {
    const order = await this.orders.findOne({ _id: id, customer }).lean<StoredOrder>();
    if (!order) throw new NotFoundException(`You have no order ${id.toHexString()}`);
    return new OrderAnswer(order);
  }

  /** All or nothing: the stock of every line and the order are written together, or none of it is. */
  place(customer: Types.ObjectId, wanted: WantedLine[]): Promise<OrderAnswer> {
    return this.connection.transaction((session) => this.placeWithin(session, customer, wanted));
  }

  /** The same as a part of a larger transaction. */
  async placeWithin(
    session: ClientSession,
    customer: Types.ObjectId,
    wanted: WantedLine[],
  ): Promise<OrderAnswer> {
    const lines: OrderLine[] = [];
    for (const [id, quantity] of quantities(wanted)) lines.push(await this.take(session, id, quantity));
    const order = new this.orders({ customer, lines, totalCents: totalOf(lines) });
    await order.save({ session });
    return new OrderAnswer(order.toObject<StoredOrder>());
  }

  /** Only what has not been paid yet can be called off; its pieces go back on the shelf. */
  cancel(customer: Types.ObjectId, id: Types.ObjectId): Promise<OrderAnswer> {
    return this.connection.transaction(async (session) => {
      const order = await this.orders.findOne({ _id: id, customer }).session(session);
      if (!order) throw new NotFoundException(`You have no order ${id.toHexString()}`);
      if (order.status !== 'placed') throw new ConflictException(`The order is ${order.status} already`);
      for (const { product, quantity } of order.lines) {
        await this.products.updateOne(
          { _id: product },
          { $inc: { stock: quantity, sold: -quantity } },
          { session },
        );
      }
      order.status = 'cancelled';
      await order.save({ session });
      return new OrderAnswer(order.toObject<StoredOrder>());
    });
  }

  /** Filter and decrement are one step of MongoDB, so two customers can't both get the last piece. */
  private async take(session: ClientSession, id: string, quantity: number): Promise<OrderLine> {
    const product = await this.products
      .findOneAndUpdate(
        { _id: id, stock: { $gte: quantity } },
        { $inc: { stock: -quantity, sold: quantity } },
        { session, returnDocument: 'after' },
      )
      .lean<StoredProduct>();
    if (product)
      return { product: product._id, name: product.name, quantity, unitPriceCents: product.priceCents };

    const short = await this.products.findById(id).session(session).lean<StoredProduct>();
    if (!short) throw new NotFoundException(`There is no product ${id}`);
    throw new ConflictException(`Only ${short.stock} of "${short.name}" are left, ${quantity} were wanted`);
  }
}

/** Lines of one product become one line. */
function quantities(wanted: WantedLine[]): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { productId, quantity } of wanted) {
    const id = productId.toLowerCase();
    sums.set(id, (sums.get(id) ?? 0) + quantity);
  }
  return sums;
}
