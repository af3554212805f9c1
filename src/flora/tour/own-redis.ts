import { setTimeout as sleep } from 'node:timers/promises';
import { startRedisServer } from '../servers/redis-server.js';
import { findRedisServer } from '../servers/resolve.js';
import type { RunningServer } from '../servers/start-server.js';

/** The Redis that was started for the tour: nobody else uses it, so it may hang and die. */
export class OwnRedis {
  private replacement: RunningServer | undefined;

  constructor(private readonly first: RunningServer) {}

  /** It accepts connections and never answers. */
  async freeze(): Promise<void> {
    await this.first.kill('SIGSTOP');
  }

  async thaw(): Promise<void> {
    await this.first.kill('SIGCONT');
    await sleep(100);
  }

  async kill(): Promise<void> {
    await this.first.kill('SIGKILL');
  }

  /** Empty, at the place of the one that was killed. */
  async comeBack(): Promise<void> {
    this.replacement = await startRedisServer(await findRedisServer(), { port: this.first.port });
  }

  async stop(): Promise<void> {
    await this.replacement?.stop();
  }
}
