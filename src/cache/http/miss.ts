import type { OutgoingHttpHeaders } from 'node:http';
import { answerHead, etagOf, text, type AnswerHead } from './responses/answer-head.js';
import { cacheStatus, type Forwarded } from './headers/cache-status.js';
import { askConditionally, hideConditions, isNotModified, validatorsOf } from './conditional.js';
import { fill, ownHash, type FillingOptions } from './filling.js';
import type { StoredAnswer } from './responses/frame.js';
import { freshenedHead, fieldsOf } from './freshened.js';
import { FORWARDED, varyNames } from './policy.js';
import { refusalOf, unkeyedRefusal, type Recording } from './refusal.js';
import { RecordedResponse, type Verdict } from './responses/recorded-response.js';
import { sendNotModified, setAnswerHead, setAnswerStatus } from './responses/replayed-response.js';
import { emittedControl, personalReason, refusalReason, withoutEmitted } from './storing.js';
import { isFailure, mayStandIn } from './use.js';

/** How a miss ended. `refused`: its answer can't be shared, which is likely to be so again. */
export type MissOutcome = 'stored' | 'refused' | 'failed' | 'broken';

/** What the handler is asked about: an answer that may no longer be served as it is. */
export interface StaleAnswer {
  answer: StoredAnswer;
  /** Milliseconds since the epoch. */
  storedAt: number;
  freshUntil: number;
}

export interface MissOptions extends FillingOptions {
  fwd: Forwarded;
  /** Request headers whose values made the hash. */
  keyedHeaders: readonly string[];
  /** What is there, but may not be served without asking. */
  stale?: StaleAnswer | undefined;
  onOutcome: (outcome: MissOutcome) => void;
  onError: (error: unknown) => void;
  /** The handler read what the key does not cover, and the route is strict. */
  onUnkeyed: (name: string) => void;
}

/**
 * Records what the handler answers and stores it, if it may be stored. Where something stale is there the handler is
 * asked conditionally: its 304 makes that fresh, and its failure may be answered with it. Ends its lead in every case.
 */
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
    const { exchange, route, stale } = this.options;
    this.#unhide = hideConditions(exchange.context.headers);
    if (stale) askConditionally(exchange.context.headers, validatorsOf(stale.answer));
    const { watch } = exchange;
    watch?.begin(exchange.raw);
    const recorded = new RecordedResponse(exchange.raw, route.maxBodyBytes, {
      onHead: (status, headers, whole) =>
        watch
          ? watch.unwatched(() => this.#onHead(status, headers, whole))
          : this.#onHead(status, headers, whole),
      // Nest goes on with a handler whose client has left, and sends what it returns to nobody.
      isStillMade: () => exchange.isEnded && !exchange.isForsaken,
      onComplete: (body) => this.#onComplete(body),
      onBroken: (reason) => this.#pass(reason === 'body-size' ? 'refused' : 'broken'),
    });
    recorded.attach();
  }

  #onHead(status: number, headers: OutgoingHttpHeaders, whole: Buffer | undefined): Verdict {
    const { raw } = this.options.exchange;
    this.#unhide();
    const { stale } = this.options;
    if (stale && status === 304) return this.#freshen(stale, headers);
    if (stale && isFailure(status) && this.#mayStandIn(stale)) return this.#standIn(stale, status);
    const refusal = refusalOf(this.#recording, { status, headers, whole });
    if (refusal === undefined) this.#keepHead(status, headers, whole);
    else this.#refuse(status);
    this.#tell(headers, refusal, whole !== undefined);

    const validators = { etag: text(raw.getHeader('etag')), lastModified: text(headers['last-modified']) };
    if (whole && status < 300 && isNotModified(this.#requestHeaders, validators)) {
      sendNotModified(raw);
      return 'not-modified';
    }
    return refusal === undefined ? 'record' : 'ignore';
  }

  #keepHead(status: number, headers: OutgoingHttpHeaders, whole: Buffer | undefined): void {
    const { exchange, route } = this.options;
    const vary = this.#depends(headers);
    const untold = route.vary.filter((name) => !vary.has(name));
    if (untold.length > 0) exchange.raw.setHeader('Vary', [headers.vary ?? [], untold].flat().join(', '));
    const control = emittedControl(headers, route);
    if (control !== undefined) exchange.raw.setHeader('Cache-Control', control);
    this.#head = answerHead(exchange, status, headers, this.now);
    const etag = whole && etagOf(this.#head, whole);
    if (etag !== undefined) exchange.raw.setHeader('ETag', etag);
  }

  #depends(headers: OutgoingHttpHeaders): Set<string> {
    const vary = varyNames(headers) as Set<string>; // `*` was refused
    const covered = new Set([...this.options.keyedHeaders, ...FORWARDED, 'host']);
    this.#newNames = [...vary].filter((name) => !covered.has(name)).sort();
    return vary;
  }

  /** The handler has nothing new: what is there is sent, with what the 304 says of it. */
  #freshen({ answer }: StaleAnswer, headers: OutgoingHttpHeaders): Verdict {
    const { exchange, route, fwd } = this.options;
    const head = freshenedHead(answer, answerHead(exchange, 304, headers, this.now));
    const fields = withoutEmitted(fieldsOf(head), route);
    const refusal =
      personalReason({ 'set-cookie': headers['set-cookie'] }, route.freshness) ??
      refusalReason(head.status, fields, route.freshness);
    const freshened: StoredAnswer = { ...answer, ...head };
    const told = { fwd, fwdStatus: 304, stored: refusal === undefined, detail: refusal };
    const instead = this.#send(freshened, head.age, cacheStatus({ hit: false, ...told }));
    if (refusal === undefined) {
      this.#depends(fields);
      this.#head = head;
      this.#onComplete(answer.body);
    } else {
      this.#refuse(304);
    }
    return { instead };
  }

  #mayStandIn({ answer, freshUntil }: StaleAnswer): boolean {
    const limits = answer.stale;
    return limits !== undefined && mayStandIn({ freshFor: freshUntil - this.now, limits });
  }

  /** The handler failed: what is there is sent as it is (RFC 5861 §4). */
  #standIn({ answer, storedAt }: StaleAnswer, fwdStatus: number): Verdict {
    const { exchange, fwd } = this.options;
    // What the failed answer said of itself says nothing of this one.
    for (const name of exchange.raw.getHeaderNames()) {
      const before = exchange.entryHeaders[name];
      if (before === undefined) exchange.raw.removeHeader(name);
      else exchange.raw.setHeader(name, before);
    }
    const age = answer.age + Math.max(0, Math.floor((this.now - storedAt) / 1_000));
    const status = cacheStatus({ hit: false, fwd, fwdStatus, detail: 'stale-if-error' });
    const instead = this.#send(answer, age, status);
    this.#pass('failed');
    return { instead };
  }

  #send(answer: StoredAnswer, age: number, cacheStatus: string): Buffer | undefined {
    const { raw, entryHeaders, context } = this.options.exchange;
    setAnswerHead(raw, { answer, entryHeaders, age, cacheStatus });
    return setAnswerStatus(raw, answer, { method: context.method, headers: this.#requestHeaders });
  }

  /** Cache-Status says what was decided; those of caches behind the handler stay before it (RFC 9211 §2). */
  #tell(headers: OutgoingHttpHeaders, refusal: string | undefined, isWhole: boolean): void {
    const { exchange, fwd } = this.options;
    const stored = refusal === undefined && isWhole;
    const status = cacheStatus({ hit: false, fwd, stored, detail: refusal });
    exchange.raw.setHeader('Cache-Status', [headers['cache-status'] ?? [], status].flat().join(', '));
  }

  #onComplete(body: Buffer): void {
    const { raw, watch } = this.options.exchange;
    watch?.end();
    const decide = () => {
      raw.off('finish', decide).off('close', decide);
      if (this.#isOver) return;
      void this.#store(body).catch((error: unknown) => {
        this.options.onError(error);
        this.#pass('broken');
      });
    };
    // Session middleware writes its cookie when the head leaves, which may be after its store has answered.
    if (raw.headersSent || raw.closed) decide();
    else raw.once('finish', decide).once('close', decide);
  }

  async #store(body: Buffer): Promise<void> {
    const { exchange, route, hash } = this.options;
    const head = this.#head;
    if (!head || !exchange.raw.headersSent) return this.#pass('broken');
    const sent = withoutEmitted(exchange.raw.getHeaders(), route);
    const isPersonal = personalReason(sent, route.freshness, head.status) !== undefined;
    // A body that comes in pieces may have been made from what was read after the head had left.
    if (isPersonal || unkeyedRefusal(this.#recording, sent) !== undefined) return this.#refuse(head.status);
    const newNames = this.#newNames;
    const own = ownHash(hash, newNames, this.#requestHeaders);
    const told = await fill(this.options, { head, body, sent, newNames, own }, () => this.#end('stored'));
    if (told === 'refused') this.#refuse(head.status);
  }

  /** The answer is for its caller alone. What is there goes with it, unless the handler only failed for now. */
  #refuse(status: number): void {
    const { stale, lead } = this.options;
    const isOutdated = stale && !isFailure(status) && status !== 429;
    if (!isOutdated || this.#isOver) return this.#pass(isFailure(status) ? 'failed' : 'refused');
    this.#end('refused');
    void lead.fill(Buffer.alloc(0), { ttl: 0, codec: 'http' }).catch(this.options.onError);
  }

  #pass(outcome: MissOutcome): void {
    if (this.#isOver) return;
    this.#end(outcome);
    this.options.lead.pass();
  }

  #end(outcome: MissOutcome): void {
    this.#isOver = true;
    this.#unhide();
    this.options.exchange.watch?.end();
    this.options.onOutcome(outcome);
  }

  get #recording(): Recording {
    const { stale } = this.options;
    return { ...this.options, requestHeaders: this.#requestHeaders, isConditional: stale !== undefined };
  }

  private get now(): number {
    return this.options.cache.options.clock.now();
  }
}
