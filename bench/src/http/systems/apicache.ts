import apicache from 'apicache';
import { startNest } from '../nest-app.js';
import type { System } from '../system.js';

/** Middleware of Express, before Nest's router. */
export const apicacheSystem: System = {
  name: 'apicache',
  packages: ['apicache'],
  settings: [
    {
      label: 'memory, app.use',
      role: 'cache',
      platforms: ['express'],
      kinds: ['1k', '50k', 'query', 'slow'],
      isShared: true,
      differs: ['one answer for all users', 'no single flight', 'no other process knows'],
      open: async (ground) =>
        startNest(ground, { prepare: (app) => void app.use(apicache.middleware('1 hour')) }),
    },
  ],
};
