import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheService } from '../cache.service.js';
import type { EntryLead, FoundEntry } from '../engine/entry-access.js';
import { within } from '../engine/patience.js';
import { cacheStatus, type Forwarded } from './headers/cache-status.js';
import { handle, refuse, serve, type Decision } from './decision.js';
import { decodeFrame, type StoredAnswer } from './responses/frame.js';
import type { HitForMiss } from './hit-for-miss.js';
import type { Exchange, Route } from './http-cache.route.js';
import { headerValues } from './key.js';
import { Miss, type MissOutcome } from './miss.js';
import type { RequestDirectives } from './headers/request-directives.js';
import type { Revalidations } from './revalidations.js';
import type { UnkeyedReads } from './strict/unkeyed-reads.js';
import { mayStandIn, standingOf, useOf } from './use.js';
import { VariantLimit } from './variant-limit.js';

/** A request, and where its answer is to be found. */
export interface Place {
  exchange: Exchange;
  route: Route;
  asked: RequestDirectives;
  /** Hash of the URL, and of the entry: the same, unless the answer depends on header values. */
  url: string;
  hash: string;
  fwd: Forwarded;
  /** Request headers whose values made the hash. */
  keyedHeaders: readonly string[];
  tags: readonly string[];
}

/** How often another process is asked whether it is done, in milliseconds. */
const POLL = 50;

/** What is done with an entry that is there, and with one that is not. */
export class StoredAnswers {
  readonly #variants = new VariantLimit();

  constructor(
    private readonly cache: CacheService,
    private readonly hitForMiss: HitForMiss,
    private readonly revalidations: Revalidations,
    private readonly unkeyedReads: UnkeyedReads,
    private readonly report: (problem: string, error: unknown) => void,
  ) {}

  /** Nothing there: this request makes it, if it can. */
  miss(place: Place, lead: EntryLead): Decision {
    const { exchange, hash, fwd, asked } = place;
    const isGone = exchange.raw.destroyed || exchange.raw.closed;
    const isPartial = exchange.context.method === 'HEAD' || isOfAPart(exchange);
    if (lead.alone || isGone || isPartial || asked.onlyIfCached) {
      lead.pass();
      if (lead.alone) this.hitForMiss.mark(hash);
      else this.hitForMiss.leave(hash);
      if (asked.onlyIfCached) return refuse(exchange);
      return isOfAPart(exchange)
        ? handle(exchange, 'bypass', 'range')
        : handle(exchange, fwd, lead.alone ? 'busy' : undefined);
    }
    this.#record(place, lead, (outcome) => this.#learn(hash, outcome));
    return 'handle';
  }

  /** An answer is there: it is served, or the handler is asked first. */
  async use(place: Place, answer: StoredAnswer, found: FoundEntry): Promise<Decision> {
    const patience = this.#now + this.cache.options.lease.wait;
    let there = { answer, found };
    let hasAsked = false;
    for (;;) {
      const { askedAt } = place.exchange;
      const standing = standingOf(there.answer, there.found.entry, { now: this.#now, askedAt });
      const lead = there.found.refresh;
      const use = useOf(standing, place.asked);
      const { exchange, asked, hash } = place;
      const hasJustFailed = this.revalidations.hasJustFailed(hash) && !asked.noCache;
      const standsIn = hasJustFailed && standing.freshFor <= 0 && mayStandIn(standing);
      if (use !== 'revalidate' || standsIn) {
        if (use === 'refresh' && lead && !hasJustFailed)
          this.#refresh(place, there.answer, there.found, lead);
        else lead?.pass();
        return this.#serve(place, there.answer, there.found);
      }
      if (asked.onlyIfCached) {
        lead?.pass();
        return refuse(exchange);
      }
      if (lead) return this.#revalidate(place, there.answer, there.found, lead);
      if (this.#now >= patience) return handle(exchange, 'stale', 'busy');
      const running = this.revalidations.over(hash);
      if (running) await within(running, patience - this.#now);
      else if (hasAsked || standing.freshFor <= 0) await sleep(POLL);
      hasAsked = true;
      const opened = await this.#open(place, !running);
      if (!opened.found) return this.miss(place, opened);
      const frame = decodeFrame(opened.entry.payload);
      if (frame?.kind !== 'answer') {
        opened.refresh?.pass();
        return handle(exchange, 'stale', 'busy');
      }
      there = { answer: frame, found: opened };
    }
  }

  #open({ hash, tags }: Place, renew: boolean): Promise<FoundEntry | EntryLead> {
    return this.cache.openEntry({ hash: { space: 'http', value: hash }, tags, renew });
  }

  /** The handler is asked by this very request, and answers it or lets it be answered from what is there. */
  #revalidate(place: Place, answer: StoredAnswer, found: FoundEntry, lead: EntryLead): Decision {
    const { exchange, hash } = place;
    const isGone = exchange.raw.destroyed || exchange.raw.closed;
    const isPartial = exchange.context.method === 'HEAD' || isOfAPart(exchange);
    const fwd = found.stale || answer.stale?.always ? 'stale' : 'request';
    if (isGone || isPartial) {
      lead.pass();
      return handle(exchange, fwd, isOfAPart(exchange) ? 'range' : undefined);
    }
    this.revalidations.begin(hash);
    this.#record({ ...place, fwd }, lead, (outcome) => this.#over(hash, outcome), {
      answer,
      ...timesOf(found),
    });
    return 'handle';
  }

  /** The stale answer is served; the same request once more, in the background, brings the next one. */
  #refresh(place: Place, answer: StoredAnswer, found: FoundEntry, lead: EntryLead): void {
    const { exchange, hash, url, keyedHeaders } = place;
    const values = JSON.stringify(headerValues(keyedHeaders, exchange.context.headers));
    this.revalidations.begin(hash);
    this.revalidations.start(exchange, {
      claim: (again) => {
        const headers = JSON.stringify(headerValues(keyedHeaders, again.exchange.context.headers));
        if (again.url !== url || headers !== values) {
          lead.pass();
          this.revalidations.end(hash, true);
          return false;
        }
        const onOutcome = (outcome: MissOutcome): void => this.#over(hash, outcome);
        const stale = { answer, ...timesOf(found) };
        this.#record({ ...place, ...again, fwd: 'stale' }, lead, onOutcome, stale);
        return true;
      },
      abandon: () => {
        lead.pass();
        this.revalidations.end(hash, true);
      },
    });
  }

  #record(
    place: Place,
    lead: EntryLead,
    onOutcome: (outcome: MissOutcome) => void,
    stale?: ConstructorParameters<typeof Miss>[0]['stale'],
  ): void {
    const { cache } = this;
    const { exchange, route, hash, fwd, keyedHeaders, url } = place;
    new Miss({
      cache,
      exchange,
      route,
      lead,
      hash,
      fwd,
      keyedHeaders,
      stale,
      onOutcome,
      admits: (variant) => variant === url || this.#variants.admits(url, variant),
      onUnkeyed: (name) => this.unkeyedReads.tell(route, name),
      onError: (error) => this.report(`An answer of ${route.id} was not stored`, error),
    }).record();
  }

  #learn(hash: string, outcome: MissOutcome): void {
    if (outcome === 'refused') this.hitForMiss.mark(hash);
    else if (outcome === 'stored') this.hitForMiss.clear(hash);
    else this.hitForMiss.leave(hash);
  }

  #over(hash: string, outcome: MissOutcome): void {
    this.revalidations.end(hash, outcome === 'failed');
    this.#learn(hash, outcome);
  }

  #serve({ exchange, fwd, route }: Place, answer: StoredAnswer, { entry, source }: FoundEntry): Decision {
    const now = this.#now;
    const age = answer.age + Math.max(0, Math.floor((now - entry.storedAt) / 1_000));
    // What was made while this request waited was not there when it came.
    const status =
      source === 'flight' && entry.storedAt > exchange.askedAt
        ? cacheStatus({ hit: false, fwd, collapsed: true })
        : cacheStatus({ hit: true, ttl: Math.floor((entry.freshUntil - now) / 1_000) });
    return serve(exchange, answer, { age, cacheStatus: status, mayBePart: route.freshness === 'response' });
  }

  get #now(): number {
    return this.cache.options.clock.now();
  }
}

/** A part can be cut out of what is stored, but is never stored itself. */
const isOfAPart = ({ context }: Exchange): boolean => context.headers.range !== undefined;

const timesOf = ({
  entry: { storedAt, freshUntil },
}: FoundEntry): { storedAt: number; freshUntil: number } => ({
  storedAt,
  freshUntil,
});
