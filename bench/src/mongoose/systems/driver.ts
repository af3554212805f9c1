import { filterOf } from '../pages.js';
import type { System } from '../system.js';
import { connected } from './connected.js';

/** The MongoDB driver without Mongoose. */
export const driver: System = {
  name: 'driver',
  packages: ['mongodb'],
  settings: [
    {
      label: 'uncached',
      role: 'none',
      shapes: ['lean'],
      differs: ['no Mongoose'],
      open: async ({ mongoUri }) => {
        const { products, reference, disconnect } = await connected(mongoUri);
        const { collection } = products.collection as unknown as { collection: typeof products.collection };
        return {
          read: async (page) =>
            page.size === 1
              ? collection.findOne(filterOf(page))
              : collection.find(filterOf(page)).sort({ position: 1 }).limit(page.size).toArray(),
          reference,
          close: disconnect,
        };
      },
    },
  ],
};
