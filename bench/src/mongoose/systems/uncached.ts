import { queryOf } from '../pages.js';
import type { System } from '../system.js';
import { connected } from './connected.js';

/** Mongoose as it comes. */
export const uncached: System = {
  name: 'mongoose',
  packages: ['mongoose', 'mongodb', 'bson'],
  settings: [
    {
      label: 'uncached',
      role: 'none',
      shapes: ['lean', 'hydrated'],
      differs: [],
      isShared: true,
      open: async ({ mongoUri }) => {
        const { products, reference, disconnect } = await connected(mongoUri);
        return { read: (page) => queryOf(products, page).exec(), reference, close: disconnect };
      },
    },
  ],
};
