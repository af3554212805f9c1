import type { Category } from '../categories/category.schema.js';
import type { StoredCustomer } from '../customers/customer.schema.js';
import type { StoredOrder } from '../orders/order.schema.js';
import type { StoredProduct } from '../products/product.schema.js';
import { makeCategories, makeProducts } from './catalogue.js';
import { makeCustomers } from './people.js';
import { Random } from './random.js';
import { makeOrders } from './sales.js';

/** The shop's data is the same everywhere, to the last cent. */
const SEED = 20_261_031;
const UNTIL = new Date('2026-10-31T18:00:00Z');

export interface ShopSize {
  products: number;
  customers: number;
  orders: number;
}

export interface ShopData {
  categories: Category[];
  products: StoredProduct[];
  customers: StoredCustomer[];
  orders: StoredOrder[];
}

/** A shop with two years behind it. */
export function makeShopData(size: ShopSize): ShopData {
  const random = new Random(SEED);
  const products = makeProducts(random, size.products, UNTIL);
  const customers = makeCustomers(random, size.customers, UNTIL);
  const orders = makeOrders(random, size.orders, UNTIL, customers, products);
  return { categories: makeCategories(), products, customers, orders };
}
