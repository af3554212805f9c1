import type { OutgoingHttpHeaders } from 'node:http';
import type { CacheService } from '../cache.service.js';
import type { EntryLead, FillOptions } from '../engine/entry-access.js';
import { answerHead, etagOf, text, type AnswerHead } from './answer-head.js';
import { cacheStatus, type Forwarded } from './cache-status.js';
import { hideConditions, isNotModified } from './conditional.js';
import { encodeFrame } from './frame.js';
import type { Exchange, Route } from './http-cache.route.js';
import { variantHash } from './key.js';
import { FORWARDED, lifetime, personalReason, refusalReason, varyNames } from './policy.js';
import { RecordedResponse } from './recorded-response.js';
import { sendNotModified } from './replayed-response.js';

/** How a miss ended. `refused`: its answer can't be shared, which is likely to be so again. */
export type MissOutcome = 'stored' | 'refused' | 'broken';

export interface MissOptions {
  cache: CacheService;
  exchange: Exchange;
  route: Route;
  lead: EntryLead;
  /** Of the entry that the lead is for. */
  hash: string;
  fwd: Forwarded;
  /** Request headers whose values made the hash. */
  keyedHeaders: readonly string[];
  /** Whether an answer under this hash may be stored at all. */
  admits: (hash: string) => boolean;
  onOutcome: (outcome: MissOutcome) => void;
  onError: (error: unknown) => void;
}

/** Records what the handler answers and stores it, if it may be stored. Ends its lead in every case. */
export class Miss {
  readonly #requestHeaders;
  #unhide = (): void => {};
  #head: AnswerHead | undefined;
  /** Headers, beyond those in the hash, that the answer depends on. */
  #newNames: string[] = [];
  #isOver = false;

  constructor(private readonly options: MissOptions) {
    this.#requestHeaders = { ...options.exchange.context.headers };
  }

  record(): void {
    const { exchange, route } = this.options;
    this.#unhide = hideConditions(exchange.context.headers);
    const recorded = new RecordedResponse(exchange.raw, route.maxBodyBytes, {
      onHead: (status, headers, whole) => this.#onHead(status, headers, whole),
      onComplete: (body) => this.#onComplete(body),
      onBroken: (reason) => this.#pass(reason === 'body-size' ? 'refused' : 'broken'),
    });
    recorded.attach();
  }

  #onHead(status: number, headers: OutgoingHttpHeaders, whole: Buffer | undefined) {
    const { raw } = this.options.exchange;
    this.#unhide();
    const refusal = this.#refusal(status, headers, whole);
    if (refusal === undefined) this.#keepHead(status, headers, whole);
    else this.#pass('refused');
    this.#tell(headers, refusal, whole !== undefined);

    const validators = { etag: text(raw.getHeader('etag')), lastModified: text(headers['last-modified']) };
    if (whole && status < 300 && isNotModified(this.#requestHeaders, validators)) {
      sendNotModified(raw);
      return 'not-modified';
    }
    return refusal === undefined ? 'record' : 'ignore';
  }

  #refusal(status: number, headers: OutgoingHttpHeaders, whole: Buffer | undefined): string | undefined {
    const { cache, exchange, route } = this.options;
    const refusal = refusalReason(status, headers);
    if (refusal !== undefined) return refusal;
    if (exchange.isForsaken) return 'error';
    // Authentication may run behind the cache: until then it was not known that somebody asks.
    if (route.scope === undefined && exchange.context.authenticated) return 'user';
    if (lifetime(headers, route.ttl, cache.options.clock.now()) === 0) return 'expired';
    return whole && whole.length > route.maxBodyBytes ? 'body-size' : undefined;
  }

  #keepHead(status: number, headers: OutgoingHttpHeaders, whole: Buffer | undefined): void {
    const { exchange, route, keyedHeaders } = this.options;
    const vary = varyNames(headers) as Set<string>; // `*` was refused
    const covered = new Set([...keyedHeaders, ...FORWARDED, 'host']);
    this.#newNames = [...vary].filter((name) => !covered.has(name)).sort();
    const untold = route.vary.filter((name) => !vary.has(name));
    if (untold.length > 0) exchange.raw.setHeader('Vary', [headers.vary ?? [], untold].flat().join(', '));
    this.#head = answerHead(exchange, status, headers);
    const etag = whole && etagOf(this.#head, whole);
    if (etag !== undefined) exchange.raw.setHeader('ETag', etag);
  }

  /** Cache-Status says what was decided; those of caches behind the handler stay before it (RFC 9211 §2). */
  #tell(headers: OutgoingHttpHeaders, refusal: string | undefined, isWhole: boolean): void {
    const { exchange, fwd } = this.options;
    const stored = refusal === undefined && isWhole;
    const status = cacheStatus({ hit: false, fwd, stored, detail: refusal });
    exchange.raw.setHeader('Cache-Status', [headers['cache-status'] ?? [], status].flat().join(', '));
  }

  #onComplete(body: Buffer): void {
    const { raw } = this.options.exchange;
    const decide = () => {
      raw.off('finish', decide).off('close', decide);
      if (this.#isOver) return;
      void this.#store(body).catch((error: unknown) => {
        this.options.onError(error);
        this.#pass('broken');
      });
    };
    // Session middleware writes its cookie when the head leaves, which may be after its store has answered.
    if (raw.headersSent) decide();
    else raw.once('finish', decide).once('close', decide);
  }

  async #store(body: Buffer): Promise<void> {
    const { cache, exchange, route, lead, hash, admits } = this.options;
    const head = this.#head;
    if (!head || !exchange.raw.headersSent) return this.#pass('broken');
    const sent = exchange.raw.getHeaders();
    if (personalReason(sent) !== undefined) return this.#pass('refused');
    const fill: FillOptions = {
      ttl: lifetime({ ...sent, age: String(head.age) }, route.ttl, cache.options.clock.now()),
      staleTtl: 0,
      tags: cache.registryTags(this.#tags(head, body)),
      codec: 'http',
    };
    const answer = encodeFrame({ kind: 'answer', ...head, etag: etagOf(head, body), body });

    const dependsOnMore = this.#newNames.length > 0;
    const own = dependsOnMore ? variantHash(hash, this.#newNames, this.#requestHeaders) : hash;
    if (!admits(own)) return this.#pass('refused');
    if (!dependsOnMore) {
      this.#end('stored');
      await lead.fill(answer, fill);
      return;
    }
    // Opened before those who wait are told which headers matter: they find it under way.
    const opened = await cache.openEntry({ hash: { space: 'http', value: own }, tags: fill.tags ?? [] });
    this.#end('stored');
    await lead.fill(encodeFrame({ kind: 'variants', names: this.#newNames }), { ...fill, tags: [] });
    if (opened.found) return opened.refresh?.pass();
    // An invalidation since this load began would be missed by a lead that is younger than the load.
    if (opened.asOf === lead.asOf) await opened.fill(answer, fill);
    else opened.pass();
  }

  #tags(head: AnswerHead, body: Buffer): string[] {
    const { exchange, route } = this.options;
    if (route.tags.every((tag) => typeof tag === 'string')) return [...route.tags];
    const content = exchange.returned ?? parsed(head, body);
    return route.tags.flatMap((tag) => (typeof tag === 'string' ? tag : tag(exchange.context, content)));
  }

  #pass(outcome: MissOutcome): void {
    if (this.#isOver) return;
    this.#end(outcome);
    this.options.lead.pass();
  }

  #end(outcome: MissOutcome): void {
    this.#isOver = true;
    this.#unhide();
    this.options.onOutcome(outcome);
  }
}

/** What tag functions see where it is not known what the handler returned: JSON parsed, or else the bytes. */
function parsed({ headers }: AnswerHead, body: Buffer): unknown {
  const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1];
  return /\bjson\b/i.test(String(type)) ? (JSON.parse(body.toString()) as unknown) : body;
}
