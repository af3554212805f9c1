import type { Category } from '../categories/category.schema.js';
import type { StoredProduct } from '../products/product.schema.js';
import { type Shelf, SHELVES } from './shelves.js';
import type { Random } from './random.js';
import { seedId } from './seed-id.js';

const DAY = 86_400_000;

export function makeCategories(): (Category & { _id: object })[] {
  return SHELVES.map(({ slug, name, description }, index) => ({
    _id: seedId('category', index + 1),
    slug,
    name,
    description,
  }));
}

/** Products of all shelves in turn, so that every shelf is filled whatever their number. */
export function makeProducts(random: Random, count: number, until: Date): StoredProduct[] {
  const shelves = SHELVES.map((shelf) => ({ shelf, names: namesOf(shelf, random) }));
  return Array.from({ length: count }, (_, index) => {
    const { shelf, names } = shelves[index % shelves.length] as (typeof shelves)[number];
    const name = nth(names, Math.floor(index / shelves.length));
    const colours = random
      .shuffled(shelf.colours)
      .slice(0, random.whole(1, Math.min(3, shelf.colours.length)));
    return {
      _id: seedId('product', index + 1),
      name,
      slug: slugOf(name),
      category: shelf.slug,
      description: random.pick(shelf.lines).replace('{colours}', listed(colours)),
      colours,
      priceCents: price(random, shelf.priceCents),
      stock: random.chance(0.04) ? 0 : random.whole(1, 120),
      sold: 0,
      createdAt: new Date(until.getTime() - random.whole(1, 730) * DAY),
    };
  });
}

function namesOf({ varieties, forms }: Shelf, random: Random): string[] {
  return random.shuffled(varieties.flatMap((variety) => forms.map((form) => `${variety} ${form}`)));
}

/** When all names are used up they are given out again, numbered. */
function nth(names: string[], index: number): string {
  const round = Math.floor(index / names.length);
  const name = names[index % names.length] as string;
  return round === 0 ? name : `${name} No. ${round + 1}`;
}

/** Around the shelf's usual price, ending in 50 or 90 cents as prices do. */
function price(random: Random, usual: number): number {
  const euros = Math.max(3, Math.round((usual * (0.55 + random.next() * 1.1)) / 100));
  return euros * 100 - (random.chance(0.5) ? 10 : 50);
}

function slugOf(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '');
}

function listed(words: readonly string[]): string {
  return words.length === 1 ? String(words[0]) : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
