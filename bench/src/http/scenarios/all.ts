import type { Scenario } from '../scenario.js';
import { PLATFORMS } from '../system.js';
import { hits } from './hits.js';
import { misses } from './misses.js';

export const SCENARIOS: readonly Scenario[] = [
  ...PLATFORMS.flatMap((platform) => (['1k', '50k', 'query'] as const).map((kind) => hits(platform, kind))),
  misses,
];
