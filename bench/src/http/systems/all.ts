import type { Setting, System } from '../system.js';
import { apicacheSystem } from './apicache.js';
import { bare } from './bare.js';
import { cacheManager } from './cache-manager.js';
import { floor } from './floor.js';
import { flora } from './flora.js';

/** In the order of the tables. */
export const SYSTEMS: readonly System[] = [bare, floor, flora, cacheManager, apicacheSystem];

/** The setting that a child process is told to open. */
export function settingOf(system: string, label: string): Setting {
  const settings = SYSTEMS.find(({ name }) => name === system)?.settings;
  const setting = settings?.find((setting) => setting.label === label);
  if (!setting) throw new Error(`there is no ${system}, ${label}`);
  return setting;
}
