import { createHmac, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { toMilliseconds } from '../../duration.js';
import { shown } from '../../errors.js';
import { invalidOption } from '../backup.errors.js';
import { HOOK_EVENTS, type HookEvent } from './hook-events.js';
import { refuseKeys, type WebhookOptions } from './hook-options.js';

/** How long one attempt may take. */
const PATIENCE_MS = 10_000;
const LONGEST_DELAY_MS = 60_000;
/** Answers after which another attempt may do better, besides those of a server that has trouble. */
const PASSING = [408, 425, 429];
const LEAST_SECRET = 16;
const KNOWN = ['url', 'secret', 'events', 'attempts', 'delay'] satisfies (keyof WebhookOptions)[];

/** An address that events are posted to. Nobody sees its URL or its secret by looking at this. */
export class Webhook {
  readonly events: readonly HookEvent[];
  readonly #url: URL;
  readonly #secret: string | undefined;
  readonly #attempts: number;
  readonly #delayMs: number;

  /** Without anything of the URL or the secret in what is thrown. @throws BackupError INVALID_OPTIONS; DurationError */
  constructor(options: WebhookOptions) {
    if (typeof options !== 'object' || options === null)
      throw invalidOption(`A webhook is ${shown(options)}`, `an object with ${KNOWN.join(', ')}`);
    refuseKeys('hooks.webhooks', options, KNOWN);
    const { url, secret, events = ['after', 'failed', 'copyFailed'], attempts = 5, delay = '1s' } = options;
    this.#url = checkedUrl(url);
    if (secret !== undefined && (typeof secret !== 'string' || secret.length < LEAST_SECRET))
      throw invalidOption('The secret of a webhook is too short', `at least ${LEAST_SECRET} characters`);
    this.#secret = secret;
    if (!Array.isArray(events) || !events.every((event) => HOOK_EVENTS.includes(event)))
      throw invalidOption('The events of a webhook are not known', `a list of ${HOOK_EVENTS.join(', ')}`);
    this.events = events;
    if (!Number.isInteger(attempts) || attempts < 1 || attempts > 20)
      throw invalidOption(`The attempts of a webhook are ${shown(attempts)}`, 'a whole number from 1 to 20');
    this.#attempts = attempts;
    this.#delayMs = toMilliseconds(delay, 'hooks.webhooks.delay');
  }

  /**
   * Posts one event, again and again until it is taken. What is sent is the same each time, under one delivery id;
   * time and signature are those of the attempt.
   *
   * @param signal gives up
   * @throws Error that names the host, never the rest of the URL
   */
  async deliver(event: HookEvent, content: object, signal: AbortSignal): Promise<void> {
    const delivery = randomUUID();
    const body = JSON.stringify({ event, delivery, at: new Date().toISOString(), ...content });
    const headers = { 'flora-event': event, 'flora-delivery': delivery };
    for (let attempt = 1; ; attempt++) {
      const { problem, isPassing, retryAfterMs } = await this.post(body, headers, signal);
      if (problem === undefined) return;
      const failure = new Error(`${this.#url.host} did not take it: ${problem} (attempt ${attempt})`);
      if (!isPassing || attempt === this.#attempts) throw failure;
      // Not all at the same moment, where many were turned away together.
      const delay = this.#delayMs * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
      const wait = Math.min(Math.max(retryAfterMs, delay), LONGEST_DELAY_MS);
      await sleep(wait, undefined, { signal, ref: false }).catch(() => {
        throw failure;
      });
    }
  }

  private async post(body: string, headers: Record<string, string>, signal: AbortSignal): Promise<Outcome> {
    const timestamp = String(Math.floor(Date.now() / 1_000));
    const secret = this.#secret;
    const signed = secret === undefined ? {} : { 'flora-signature': signatureOf(secret, timestamp, body) };
    try {
      const answer = await fetch(this.#url, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          'user-agent': 'flora-backup',
          ...headers,
          'flora-timestamp': timestamp,
          ...signed,
        },
        // Where it would lead to was not chosen by whoever set the URL.
        redirect: 'manual',
        signal: AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]),
      });
      await answer.body?.cancel();
      if (answer.ok) return { isPassing: false, retryAfterMs: 0 };
      return {
        problem: `it answered ${answer.status}`,
        isPassing: answer.status >= 500 || PASSING.includes(answer.status),
        retryAfterMs: retryAfter(answer.headers.get('retry-after')),
      };
    } catch (error) {
      const { name, cause } = error as Error & { cause?: NodeJS.ErrnoException };
      const problem = name === 'TimeoutError' ? 'no answer in time' : (cause?.code ?? name);
      return { problem, isPassing: true, retryAfterMs: 0 };
    }
  }
}

interface Outcome {
  /** Absent when it was taken. */
  readonly problem?: string;
  readonly isPassing: boolean;
  readonly retryAfterMs: number;
}

/** Seconds, or a date (RFC 9110, section 10.2.3). */
function retryAfter(header: string | null): number {
  if (header === null) return 0;
  const milliseconds = /^\s*\d+\s*$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return milliseconds || 0;
}

/** What a receiver computes, too: HMAC-SHA256 over the time, a dot and the body. */
function signatureOf(secret: string, timestamp: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;
}

function checkedUrl(url: unknown): URL {
  const found = typeof url === 'string' && URL.canParse(url) ? new URL(url) : undefined;
  if (found && ['http:', 'https:'].includes(found.protocol) && !found.username && !found.password)
    return found;
  throw invalidOption(
    "The url of a webhook can't be used",
    'https://… or http://…, without user and password',
  );
}
