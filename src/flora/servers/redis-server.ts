import { join } from 'node:path';
import type { Found } from './place.js';
import { type RunningServer, startServer } from './start-server.js';

export interface RedisServerOptions {
  /** Default: a free one. A fixed one lets a server come back where a killed one was. */
  port?: number;
  /** Further arguments, for example `['--maxmemory', '10mb']`. */
  args?: readonly string[];
}

/** Starts a Redis that keeps everything in memory. @throws ServerStartError */
export async function startRedisServer(
  found: Found,
  options: RedisServerOptions = {},
): Promise<RunningServer> {
  const { process, port } = await startServer({
    name: `redis-server ${found.version}`,
    command: found.path,
    settings: (port, folder) => ({
      bind: '127.0.0.1',
      port: String(port),
      dir: folder,
      logfile: join(folder, 'log'),
      save: '',
      appendonly: 'no',
    }),
    args: options.args,
    ready: /Ready to accept connections/,
    port: options.port,
  });
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: process.pid,
    version: found.version,
    stop: () => process.stop(),
    kill: (signal) => process.kill(signal),
  };
}
