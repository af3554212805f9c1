import mongoose, { Types } from 'mongoose';
import { describe, expect, it } from 'vitest';
import { CategorySchema } from '../../../src/flora/categories/category.schema.js';
import { CustomerSchema } from '../../../src/flora/customers/customer.schema.js';
import { OrderSchema } from '../../../src/flora/orders/order.schema.js';
import { ProductSchema } from '../../../src/flora/products/product.schema.js';
import { makeShopData } from '../../../src/flora/seed/shop-data.js';

const SIZE = { products: 3_000, customers: 2_000, orders: 30_000 };
const data = makeShopData(SIZE);

const isUnique = (values: unknown[]): boolean => new Set(values.map(String)).size === values.length;

describe('the data of the demo shop', () => {
  it('is the same every time it is made', () => {
    expect(makeShopData(SIZE)).toEqual(data);
  });

  it('has the size that was asked for', () => {
    expect({
      products: data.products.length,
      customers: data.customers.length,
      orders: data.orders.length,
      categories: data.categories.length,
    }).toEqual({ ...SIZE, categories: 12 });
  });

  it('keeps to the schemas, although it is inserted without being validated', async () => {
    const checks = [
      { schema: CategorySchema, documents: data.categories },
      { schema: ProductSchema, documents: data.products },
      { schema: CustomerSchema, documents: data.customers },
      { schema: OrderSchema, documents: data.orders.filter((_, index) => index % 20 === 0) },
    ];
    for (const [index, { schema, documents }] of checks.entries()) {
      const Kind = mongoose.createConnection().model(`Seeded${index}`, schema);
      for (const document of documents) {
        const made = new Kind(document);
        await made.validate();
        expect(made.toObject()).toEqual(document);
      }
    }
  });

  it('has no two products of one slug, no two customers of one address, no two documents of one id', () => {
    expect(isUnique(data.products.map(({ slug }) => slug))).toBe(true);
    expect(isUnique(data.customers.map(({ email }) => email))).toBe(true);
    for (const documents of [data.products, data.customers, data.orders]) {
      expect(isUnique(documents.map(({ _id }) => _id))).toBe(true);
    }
  });

  it('goes beyond the names it knows, still without doubles', () => {
    const { products, customers } = makeShopData({ products: 9_000, customers: 5_000, orders: 0 });
    expect(isUnique(products.map(({ slug }) => slug))).toBe(true);
    expect(isUnique(customers.map(({ email }) => email))).toBe(true);
  });

  it('has names that are written as names are', () => {
    const names = [...data.products, ...data.customers].map(({ name }) => name);
    expect(names.filter((name) => !/^\S+( \S+)*$/.test(name))).toEqual([]);
  });

  it('gives every category its share of products', () => {
    for (const { slug } of data.categories) {
      expect(data.products.filter(({ category }) => category === slug)).toHaveLength(250);
    }
  });

  it('counts as sold what was ordered and not cancelled', () => {
    const sold = new Map<string, number>();
    for (const { lines, status } of data.orders) {
      if (status === 'cancelled') continue;
      for (const { product, quantity } of lines) {
        sold.set(String(product), (sold.get(String(product)) ?? 0) + quantity);
      }
    }
    for (const { _id, sold: counted } of data.products) expect(counted).toBe(sold.get(String(_id)) ?? 0);
  });

  it('has orders over two years, of customers and products that exist', () => {
    const customers = new Set(data.customers.map(({ _id }) => String(_id)));
    const products = new Set(data.products.map(({ _id }) => String(_id)));
    for (const { customer, lines } of data.orders) {
      expect(customers.has(String(customer))).toBe(true);
      for (const { product } of lines)
        expect(products.has(new Types.ObjectId(product).toHexString())).toBe(true);
    }
    const years = new Set(data.orders.map(({ placedAt }) => placedAt.toISOString().slice(0, 7)));
    expect(years.size).toBeGreaterThanOrEqual(24);
  });
});
