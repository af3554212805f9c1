import { setTimeout as sleep } from 'node:timers/promises';
import mongoose from 'mongoose';
import { queryOf } from '../mongoose/pages.js';
import { productSchema, type Product } from '../mongoose/products.js';

export const PAGE_KINDS = ['1k', '50k', 'query', 'slow'] as const;
/** What the handler does: gives an object of that size as JSON, asks MongoDB, or takes its time. */
export type PageKind = (typeof PAGE_KINDS)[number];

/** How long the slow handler takes. */
export const SLOW_MS = 200;
export const PATH = '/page';
export const TTL_SECONDS = 3_600;

/** What a handler has to do, and how often it did. */
export class Work {
  runs = 0;

  private constructor(private readonly answer: () => unknown) {}

  static async of(kind: PageKind, mongoUri: string): Promise<Work> {
    switch (kind) {
      case '1k':
        return new Work(constant(1_024));
      case '50k':
        return new Work(constant(50 * 1_024));
      case 'slow':
        return new Work(async () => {
          await sleep(SLOW_MS);
          return { slow: true };
        });
      case 'query': {
        const products = mongoose.model<Product>('Product', productSchema());
        await mongoose.connect(mongoUri);
        return new Work(async () => queryOf(products, { size: 10, shape: 'lean', n: 3 }).exec());
      }
    }
  }

  do(): unknown {
    this.runs += 1;
    return this.answer();
  }
}

/** An object of about so many bytes as JSON, made once: nothing is cheaper for a handler. */
function constant(bytes: number): () => unknown {
  const items: object[] = [];
  while (JSON.stringify({ items }).length < bytes) items.push(item(items.length));
  const page = { items };
  return () => page;
}

const item = (n: number) => ({
  id: n,
  name: `Bouquet no. ${n}`,
  price: 19.9 + n,
  colours: ['red', 'white'],
  inStock: n % 3 !== 0,
});
