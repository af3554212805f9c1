import type { Duration } from '../../duration.js';
import { shown } from '../../errors.js';
import { invalidOption } from '../backup.errors.js';
import { HOOK_EVENTS, type HookEvent, type HookEvents } from './hook-events.js';

/** @param signal aborted when the hook has taken too long, or the application shuts down: nobody waits any more */
export type Hook<Event extends HookEvent> = (
  event: HookEvents[Event],
  signal: AbortSignal,
) => void | Promise<void>;

/** Who is told of backups. */
export interface HookOptions {
  /**
   * Called when everything else has been waited for and the dump is about to begin. When it throws there is no backup:
   * createBackup rejects with HOOK_FAILED.
   */
  before?: Hook<'before'> | undefined;
  /** Called when the backup is stored and copied. What it throws is logged. */
  after?: Hook<'after'> | undefined;
  /** Called when making a backup failed. What it throws is logged. */
  failed?: Hook<'failed'> | undefined;
  /** Called for each copy that failed. What it throws is logged. */
  copyFailed?: Hook<'copyFailed'> | undefined;
  /** How long one of these functions is waited for. @default '1m' */
  timeout?: Duration | undefined;
  /** Addresses that are told by HTTP. @default that of BACKUP_WEBHOOK_URL and BACKUP_WEBHOOK_SECRET, else none */
  webhooks?: readonly WebhookOptions[] | undefined;
}

/** An address that events are posted to, as JSON. docs/backup-hooks.md has the format and how to check the signature. */
export interface WebhookOptions {
  /** `https://…`, or `http://…`. It may hold a secret: only its host is ever logged. */
  url: string;
  /** Signs what is sent (HMAC-SHA256). At least 16 characters. @default none: it is sent unsigned */
  secret?: string | undefined;
  /** @default ['after', 'failed', 'copyFailed'] */
  events?: readonly HookEvent[] | undefined;
  /** How often it is tried before it is given up. @default 5 */
  attempts?: number | undefined;
  /** The wait after the first attempt that failed; it doubles each time, up to a minute. @default '1s' */
  delay?: Duration | undefined;
}

const KNOWN = [...HOOK_EVENTS, 'timeout', 'webhooks'];
/**
 * Without anything of a URL or a secret in what is thrown.
 *
 * @throws BackupError INVALID_OPTIONS; DurationError
 */
export function checkHooks(hooks: HookOptions): void {
  if (typeof hooks !== 'object' || hooks === null)
    throw invalidOption(`The option hooks is ${shown(hooks)}`, `an object with ${KNOWN.join(', ')}`);
  refuseKeys('hooks', hooks, KNOWN);
  for (const event of HOOK_EVENTS)
    if (hooks[event] !== undefined && typeof hooks[event] !== 'function')
      throw invalidOption(`The option hooks.${event} is ${shown(hooks[event])}`, 'a function');
  if (hooks.webhooks !== undefined && !Array.isArray(hooks.webhooks))
    throw invalidOption('The option hooks.webhooks is no list', 'a list of { url, secret, … }');
}

export function refuseKeys(what: string, options: object, known: readonly string[]): void {
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined)
    throw invalidOption(`The option ${what}.${unknown} is not known`, `one of ${known.join(', ')}`);
}
