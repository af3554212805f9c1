import type { StoredCustomer } from '../customers/customer.schema.js';
import { CITIES, FIRST_NAMES, LAST_NAMES } from './names.js';
import type { Random } from './random.js';
import { seedId } from './seed-id.js';

const DAY = 86_400_000;

/** Every first name with every last name, in an order that looks like chance. */
export function makeCustomers(random: Random, count: number, until: Date): StoredCustomer[] {
  const names = random.shuffled(FIRST_NAMES.flatMap((first) => LAST_NAMES.map((last) => `${first} ${last}`)));
  return Array.from({ length: count }, (_, index) => {
    const round = Math.floor(index / names.length);
    const name = names[index % names.length] as string;
    const address = name.toLowerCase().replace(' ', '.');
    return {
      _id: seedId('customer', index + 1),
      number: index + 1,
      name,
      email: `${address}${round === 0 ? '' : round + 1}@example.com`,
      city: random.pick(CITIES),
      createdAt: new Date(until.getTime() - random.whole(731, 1_400) * DAY),
    };
  });
}
