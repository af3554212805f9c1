import { ConflictException, Injectable, NotFoundException } from '@nestjs/common';
import { InjectConnection, InjectModel } from '@nestjs/mongoose';
import { type ClientSession, type Connection, Model, type Types } from 'mongoose';
import type { OrderAnswer } from '../orders/order.answers.js';
import { type OrderLine, totalOf } from '../orders/order.schema.js';
import { OrdersService } from '../orders/orders.service.js';
import { Product, type StoredProduct } from '../products/product.schema.js';
import { CartTotal } from './cart-total.js';
import { CartAnswer } from './cart.messages.js';
import { Cart } from './cart.schema.js';

@Injectable()
export class CartService {
  constructor(
    @InjectConnection() private readonly connection: Connection,
    @InjectModel(Cart.name) private readonly carts: Model<Cart>,
    @InjectModel(Product.name) private readonly products: Model<Product>,
    private readonly orders: OrdersService,
    private readonly total: CartTotal,
  ) {}

  async get(customer: Types.ObjectId): Promise<CartAnswer> {
    const cart = await this.carts.findById(customer).lean<Cart>();
    return new CartAnswer(cart?.lines ?? []);
  }

  async put(customer: Types.ObjectId, id: Types.ObjectId, quantity: number): Promise<CartAnswer> {
    return this.change(customer, async (cart, session) => {
      const product = await this.products.findById(id).session(session).lean<StoredProduct>();
      if (!product) throw new NotFoundException(`There is no product ${id.toHexString()}`);
      const line = { product: id, name: product.name, quantity, unitPriceCents: product.priceCents };
      const lines = [...linesWithout(id, cart), line];
      return { lines, answer: new CartAnswer(lines) };
    });
  }

  async remove(customer: Types.ObjectId, id: Types.ObjectId): Promise<CartAnswer> {
    return this.change(customer, async (cart) => {
      const lines = linesWithout(id, cart);
      return { lines, answer: new CartAnswer(lines) };
    });
  }

  /** Order, stock and the emptied cart are one transaction. The order is made at the prices of this moment. */
  async checkOut(customer: Types.ObjectId): Promise<OrderAnswer> {
    return this.change(customer, async (cart, session) => {
      if (cart.lines.length === 0) throw new ConflictException('The cart is empty');
      const wanted = cart.lines.map(({ product, quantity }) => ({
        productId: product.toHexString(),
        quantity,
      }));
      return { lines: [], answer: await this.orders.placeWithin(session, customer, wanted) };
    });
  }

  /** In one transaction: reads the cart, asks for its new lines, writes them and counts the new total. */
  private async change<T>(
    customer: Types.ObjectId,
    plan: (cart: Cart, session: ClientSession) => Promise<{ lines: OrderLine[]; answer: T }>,
  ): Promise<T> {
    try {
      return await this.connection.transaction(async (session) => {
        const cart =
          (await this.carts.findById(customer).session(session)) ?? new this.carts({ _id: customer });
        const { lines, answer } = await plan(cart, session);
        const change = totalOf(lines) - cart.totalCents;
        await cart.set({ lines, totalCents: totalOf(lines) }).save({ session });
        await this.total.count(customer, change, cart.totalCents);
        return answer;
      });
    } catch (error) {
      // What was counted may not have been written.
      await this.total.forget(customer);
      throw error;
    }
  }
}

const linesWithout = (product: Types.ObjectId, cart: Cart): OrderLine[] =>
  cart.lines.filter((line) => !line.product.equals(product));
