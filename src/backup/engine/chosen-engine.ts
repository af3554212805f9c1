import type { BackupOptions } from '../backup.options.js';
import { AutoEngine } from './auto.engine.js';
import { DriverEngine } from './driver/driver.engine.js';
import type { DumpEngine } from './dump-engine.js';
import { MongodumpEngine } from './mongodump.engine.js';

/** The engine that the options ask for. */
export function chosenEngine({ engine, uri, tools, manner }: BackupOptions): DumpEngine {
  const withTools = new MongodumpEngine(uri, tools, manner);
  const withDriver = new DriverEngine(uri, manner);
  if (engine === 'auto') return new AutoEngine(withTools, withDriver);
  return engine === 'driver' ? withDriver : withTools;
}
