import type { DumpTask } from './driver/dump-thread.js';
import type { Dump } from './dump-engine.js';
import { runTool, type ToolCommand } from './tool-run.js';

/** A dump that can be begun: plain data, so that it may be begun in another thread. Holds secrets. */
export type DumpSource =
  | { readonly engine: 'mongodump'; readonly command: ToolCommand }
  | { readonly engine: 'driver'; readonly task: DumpTask };

/** Begins to read. A stream that ends proves nothing: the dump is whole only when `finished` resolves. */
export async function openDump(source: DumpSource, signal: AbortSignal): Promise<Dump> {
  if (source.engine === 'driver') {
    const { DumpThread } = await import('./driver/dump-thread.js');
    return new DumpThread(source.task, signal);
  }
  const { stdin, stdout, ended } = await runTool(source.command, signal);
  stdin.end();
  return { archive: stdout, finished: ended.then(() => undefined) };
}
