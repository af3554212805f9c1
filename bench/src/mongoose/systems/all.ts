import type { Setting, System } from '../system.js';
import { driver } from './driver.js';
import { floor } from './floor.js';
import { flora } from './flora.js';
import { recachegoose } from './recachegoose.js';
import { speedgoose } from './speedgoose.js';
import { tsCacheMongoose } from './ts-cache-mongoose.js';
import { uncached } from './uncached.js';

/** In the order of the tables. */
export const SYSTEMS: readonly System[] = [
  uncached,
  driver,
  floor,
  flora,
  speedgoose,
  tsCacheMongoose,
  recachegoose,
];

export const PEERS: readonly string[] = [speedgoose, tsCacheMongoose, recachegoose].map(({ name }) => name);

/** The setting that a child process is told to open. */
export function settingOf(system: string, label: string): Setting {
  const settings = SYSTEMS.find(({ name }) => name === system)?.settings;
  const setting = settings?.find((setting) => setting.label === label);
  if (!setting) throw new Error(`there is no ${system}, ${label}`);
  return setting;
}
