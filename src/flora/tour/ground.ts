import type { CacheStats } from '../../index.js';
import type { Database } from './database.js';
import type { Guide } from './guide.js';
import type { OwnRedis } from './own-redis.js';
import type { Visitor } from './visitor.js';

/** Where the tour goes, and who goes along. */
export interface Ground {
  guide: Guide;
  /** Someone who is not signed in. */
  visitor: Visitor;
  /** Customers 1 and 2. */
  ada: Visitor;
  ben: Visitor;
  admin: Visitor;
  database: Database;
  /** A Redis that may be stopped, or why there is none. */
  redis: OwnRedis | { missing: string };
  /** Whether backups can be made, or why not. */
  backups: 'possible' | { missing: string };
}

/** What the steps read of the shop's answers. */
export interface Product {
  id: string;
  name: string;
  priceCents: number;
  stock: number;
}

export interface List<T> {
  items: T[];
  total: number;
}

export interface Order {
  id: string;
  lines: { productId: string; quantity: number }[];
  totalCents: number;
}

export interface CartTotal {
  totalCents: number;
  from: 'counter' | 'mongodb';
}

export interface Statistics {
  orders: number;
  computedAt: string;
}

export type { CacheStats };

export const ROSES = '/products?category=roses&sort=name';

export async function firstRose(visitor: Visitor): Promise<Product> {
  const { body } = await visitor.get<List<Product>>(ROSES);
  const [rose] = body.items;
  if (!rose) throw new Error('There are no roses');
  return rose;
}
