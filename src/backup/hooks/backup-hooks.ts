import { once } from 'node:events';
import { Injectable, Logger } from '@nestjs/common';
import { withoutCredentials } from '../../errors.js';
import type { Backup } from '../backup.js';
import { BackupError } from '../backup.errors.js';
import { BackupOptions } from '../backup.options.js';
import { LONGEST_TIMER } from '../create/deadline.js';
import type { BackupOccasion, HookEvent, HookEvents } from './hook-events.js';
import type { Webhook } from './webhook.js';

/** How long the shutdown waits for webhooks. */
const PATIENCE_MS = 10_000;

/**
 * Tells functions and webhooks of the application what becomes of backups. Only the function `before` can stop one;
 * whatever else fails here is logged and changes nothing.
 */
@Injectable()
export class BackupHooks {
  private readonly log = new Logger(BackupHooks.name);
  private readonly stop = new AbortController();
  private readonly running = new Set<Promise<unknown>>();
  private readonly deliveries = new Set<Promise<void>>();

  constructor(private readonly options: BackupOptions) {}

  /** @throws BackupError HOOK_FAILED when the function throws; the reason of `signal` */
  async before(occasion: BackupOccasion, signal: AbortSignal): Promise<void> {
    this.post('before', occasion);
    try {
      await this.call('before', occasion, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw new BackupError('HOOK_FAILED', {
        problem: `The hook before stopped the backup: ${sayingOf(error)}`,
        advice: 'nothing was changed',
        cause: error,
      });
    }
  }

  /** Makes a backup, and tells how that went. */
  async around(occasion: BackupOccasion, make: () => Promise<Backup>): Promise<Backup> {
    return this.known(this.told(occasion, make));
  }

  /** Never rejects; webhooks go on afterwards. */
  async tell<Event extends Exclude<HookEvent, 'before'>>(
    event: Event,
    content: HookEvents[Event],
  ): Promise<void> {
    this.post(event, content);
    await this.known(this.call(event, content)).catch((error: unknown) =>
      this.log.error(`The hook ${event} failed. ${sayingOf(error)}`),
    );
  }

  /** Waits until all is told, for a while: at the end of the application, when no backup is made any more. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.stop.abort(), PATIENCE_MS);
    await Promise.allSettled(this.running);
    await Promise.all(this.deliveries);
    clearTimeout(timer);
  }

  private async told(occasion: BackupOccasion, make: () => Promise<Backup>): Promise<Backup> {
    let backup: Backup;
    try {
      backup = await make();
    } catch (error) {
      const code = error instanceof BackupError ? error.code : 'UNKNOWN';
      await this.tell('failed', { ...occasion, error: { code, message: sayingOf(error) } });
      throw error;
    }
    await this.tell('after', { ...occasion, backup });
    return backup;
  }

  /** What the end waits for. */
  private async known<T>(work: Promise<T>): Promise<T> {
    this.running.add(work);
    try {
      return await work;
    } finally {
      this.running.delete(work);
    }
  }

  private async call<Event extends HookEvent>(
    event: Event,
    content: HookEvents[Event],
    outer: AbortSignal = this.stop.signal,
  ): Promise<void> {
    const hook = this.options.hooks[event] as
      ((content: HookEvents[Event], signal: AbortSignal) => unknown) | undefined;
    if (!hook) return;
    const limit = AbortSignal.timeout(Math.min(this.options.hookTimeoutMs, LONGEST_TIMER));
    const signal = AbortSignal.any([limit, outer]);
    const over = new AbortController();
    const stopped = once(signal, 'abort', { signal: over.signal }).then(() => {
      throw new Error(limit.aborted ? 'it took too long' : 'it was stopped');
    });
    stopped.catch(() => undefined);
    try {
      await Promise.race([(async () => hook(content, signal))(), stopped]);
    } finally {
      over.abort();
    }
  }

  private post(event: HookEvent, content: object): void {
    const told = this.options.webhooks.filter(({ events }) => events.includes(event));
    for (const webhook of told) {
      const delivery = this.delivered(webhook, event, content).finally(() => {
        this.deliveries.delete(delivery);
      });
      this.deliveries.add(delivery);
    }
  }

  private async delivered(webhook: Webhook, event: HookEvent, content: object): Promise<void> {
    try {
      await webhook.deliver(event, summary(content), this.stop.signal);
    } catch (error) {
      this.log.error(`The webhook for ${event} failed. ${sayingOf(error)}`);
    }
  }
}

/** Without the list of collections, of which there may be thousands. */
function summary(content: object & { backup?: Backup }): object {
  if (!content.backup) return content;
  const { namespaces, ...backup } = content.backup;
  return { ...content, backup: { ...backup, ...(namespaces ? { namespaces: namespaces.length } : {}) } };
}

function sayingOf(error: unknown): string {
  return withoutCredentials(error instanceof Error ? error.message : String(error));
}
