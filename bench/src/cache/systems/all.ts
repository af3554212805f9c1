import type { System } from '../system.js';
import { asyncCacheDedupe } from './async-cache-dedupe.js';
import { bentocache } from './bentocache.js';
import { cacheManager } from './cache-manager.js';
import { cacheable } from './cacheable.js';
import { flora } from './flora.js';
import { layeredLoader } from './layered-loader.js';
import { raw } from './raw.js';

/** In the order of the tables. */
export const SYSTEMS: readonly System[] = [
  raw,
  flora,
  bentocache,
  cacheable,
  cacheManager,
  layeredLoader,
  asyncCacheDedupe,
];

export const PEERS: readonly string[] = SYSTEMS.map(({ name }) => name).filter(
  (name) => name !== 'raw' && name !== 'flora',
);
