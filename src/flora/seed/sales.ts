import type { StoredCustomer } from '../customers/customer.schema.js';
import { type OrderLine, type OrderStatus, type StoredOrder, totalOf } from '../orders/order.schema.js';
import type { StoredProduct } from '../products/product.schema.js';
import type { Random } from './random.js';
import { seedId } from './seed-id.js';

const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;
const YEARS = 2 * 365;
/** Months in which people give more flowers, and how much more. */
const BUSY: Record<number, number> = { 1: 1.9, 4: 1.7, 11: 1.5 };
const BUSIEST = 1.9;

/** Two years of orders, the oldest first. Counts what was sold into the products. */
export function makeOrders(
  random: Random,
  count: number,
  until: Date,
  customers: readonly StoredCustomer[],
  products: readonly StoredProduct[],
): StoredOrder[] {
  const favourites = random.shuffled(products);
  const days = Array.from({ length: count }, () => placedAt(random, until)).sort(
    (a, b) => a.getTime() - b.getTime(),
  );
  return days.map((placed, index) => {
    const lines = makeLines(random, favourites);
    const status = statusOf(random, (until.getTime() - placed.getTime()) / DAY);
    if (status !== 'cancelled') for (const { product, quantity } of lines) product.sold += quantity;
    const sold = lines.map(({ product, quantity }): OrderLine => ({
      product: product._id,
      name: product.name,
      quantity,
      unitPriceCents: product.priceCents,
    }));
    return {
      _id: seedId('order', index + 1),
      customer: random.pick(customers)._id,
      lines: sold,
      totalCents: totalOf(sold),
      status,
      placedAt: placed,
    };
  });
}

function placedAt(random: Random, until: Date): Date {
  for (;;) {
    const date = new Date(until.getTime() - random.whole(1, YEARS * 1_440) * MINUTE);
    if (random.chance((BUSY[date.getUTCMonth()] ?? 1) / BUSIEST)) return date;
  }
}

/** One to four products; those at the front of the list are chosen far more often than those at its end. */
function makeLines(
  random: Random,
  favourites: readonly StoredProduct[],
): { product: StoredProduct; quantity: number }[] {
  const chosen = new Set<StoredProduct>();
  const wanted = random.pick([1, 1, 1, 2, 2, 3, 4]);
  for (let line = 0; line < wanted; line += 1) {
    chosen.add(favourites[Math.floor(random.next() ** 2 * favourites.length)] as StoredProduct);
  }
  return [...chosen].map((product) => ({ product, quantity: random.pick([1, 1, 1, 1, 2, 2, 3]) }));
}

function statusOf(random: Random, ageInDays: number): OrderStatus {
  if (random.chance(0.03)) return 'cancelled';
  if (ageInDays > 5) return 'delivered';
  if (ageInDays > 2) return 'shipped';
  return ageInDays > 0.5 ? 'paid' : 'placed';
}
