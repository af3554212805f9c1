/** What is cached: a product of a shop, about 0.4 kB as JSON. */
export interface Product {
  id: string;
  name: string;
  slug: string;
  price: { amount: number; currency: string };
  stock: number;
  categories: string[];
  description: string;
  image: string;
  published: boolean;
  updatedAt: string;
}

/** A product with the key it is kept under and the two tags it carries. */
export interface Item {
  readonly key: string;
  /** Carried by all. */
  readonly tag: string;
  /** Carried by one in a hundred. */
  readonly category: string;
  readonly value: Product;
}

export const KEYS = 1_000;
export const TAG = 'products';
export const CATEGORIES = 100;
/** One hour: nothing expires during a run. */
export const TTL_SECONDS = 3_600;
export const TTL = TTL_SECONDS * 1_000;
/** How many entries every memory tier may hold; all are given the same. */
export const MEMORY_ENTRIES = 20_000;

const FLOWERS = ['rose', 'tulip', 'peony', 'dahlia', 'lily', 'iris', 'aster', 'orchid'];

/** The n-th item, made anew by each call, so that no two systems share a value. */
export function item(n: number, prefix = 'product'): Item {
  const flower = FLOWERS[n % FLOWERS.length] as string;
  const category = `category:${n % CATEGORIES}`;
  return {
    key: `${prefix}:${n}`,
    tag: TAG,
    category,
    value: {
      id: `6730f2a1c0ffee${String(n).padStart(10, '0')}`,
      name: `Bouquet no. ${n} with ${flower}`,
      slug: `bouquet-${n}-${flower}`,
      price: { amount: 1_990 + (n % 500) * 10, currency: 'EUR' },
      stock: n % 37,
      categories: ['bouquets', category, flower],
      description: `A hand-tied bouquet of ${flower} and greenery, cut on the day it is sent and delivered in water.`,
      image: `/images/products/${n}/large.webp`,
      published: n % 11 !== 0,
      updatedAt: new Date(1_700_000_000_000 + n * 60_000).toISOString(),
    },
  };
}

export const items = (count: number, prefix?: string): Item[] =>
  Array.from({ length: count }, (_, n) => item(n, prefix));

export const payloadBytes = ({ value }: Item): number => Buffer.byteLength(JSON.stringify(value));
