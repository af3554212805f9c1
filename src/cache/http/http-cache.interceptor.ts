import type { EventEmitter } from 'node:events';
import {
  Injectable,
  VersioningType,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type Type,
} from '@nestjs/common';
import {
  RENDER_METADATA,
  RESPONSE_PASSTHROUGH_METADATA,
  ROUTE_ARGS_METADATA,
  RouteParamtypes,
  SSE_METADATA,
} from '@nestjs/common/internal';
import { ApplicationConfig, HttpAdapterHost } from '@nestjs/core';
import { of, tap, type Observable } from 'rxjs';
import { CacheService } from '../cache.service.js';
import { evict } from './eviction.js';
import { HeldResponse } from './responses/held-response.js';
import {
  HttpCacheContext,
  rawRequest,
  rawResponse,
  type HttpCacheRequest,
  type HttpCacheResponse,
} from './http-cache.context.js';
import { EVICT_METADATA, routeMetadata } from './http-cache.decorators.js';
import { HttpCache } from './http-cache.middleware.js';
import type { CacheEvictOptions } from './http-cache.options.js';
import { resolveRoute, type Exchange, type Route } from './http-cache.route.js';
import { requestedVersion } from './requested-version.js';
import { isSafe, writtenPaths } from './unsafe-methods.js';

/** What the decorators and Nest's own metadata say about one handler. */
interface Plan {
  route: Route | undefined;
  evictions: readonly CacheEvictOptions[];
  /** Whether a successful write by it drops the answers under its path. */
  invalidates: boolean;
  /** Whether Nest ends the response: not where the handler injected it. */
  isEndedByNest: boolean;
  isRendered: boolean;
}

type Handler = ReturnType<ExecutionContext['getHandler']>;

/**
 * Acts on the decorators of this module, after guards and before pipes. Leaves everything else alone: routes
 * without @CacheTTL or @CacheResponse, server-sent events, and contexts that are not HTTP.
 */
@Injectable()
export class HttpCacheInterceptor implements NestInterceptor {
  readonly #plans = new WeakMap<Type, WeakMap<Handler, Plan>>();

  constructor(
    private readonly cache: CacheService,
    private readonly http: HttpCache,
    private readonly application: ApplicationConfig,
    private readonly host: HttpAdapterHost,
  ) {}

  intercept(
    context: ExecutionContext,
    next: CallHandler,
  ): Observable<unknown> | Promise<Observable<unknown>> {
    if (context.getType() !== 'http') return next.handle();
    const plan = this.#planOf(context.getClass(), context.getHandler());
    const http = context.switchToHttp();
    const request = http.getRequest<HttpCacheRequest>();
    const isQuestion = this.http.responses.questions.isOne(rawRequest(request));
    const isWrite = plan.invalidates && !isSafe(rawRequest(request).method ?? 'GET');
    if (!plan.route && !isWrite && plan.evictions.length === 0 && !isQuestion) return next.handle();

    const ctx = new HttpCacheContext(request, http.getResponse<HttpCacheResponse>());
    if (isQuestion) return this.#answer(ctx, plan.route, plan, next);
    const raw = rawResponse(ctx.response);
    const evictions = isWrite ? [...plan.evictions, writtenPaths(raw)] : plan.evictions;
    if (evictions.length > 0) new HeldResponse(raw, () => evict(this.cache, evictions, ctx)).attach();
    return plan.route ? this.#answer(ctx, plan.route, plan, next) : next.handle();
  }

  #answer(
    ctx: HttpCacheContext,
    route: Route | undefined,
    plan: Plan,
    next: CallHandler,
  ): Observable<unknown> | Promise<Observable<unknown>> {
    const exchange = this.#exchange(ctx, plan);
    const isAnswered = route !== undefined && this.http.responses.answerAtOnce(exchange, route);
    return isAnswered ? answered(ctx, plan) : this.#decide(exchange, route, plan, next);
  }

  #exchange(ctx: HttpCacheContext, plan: Plan): Exchange {
    const versioning = this.application.getVersioning();
    return {
      context: ctx,
      raw: rawResponse(ctx.response),
      entryHeaders: ctx.response.getHeaders(),
      askedAt: this.cache.options.clock.now(),
      version: requestedVersion(versioning, ctx.headers, ctx.request),
      versionHeader: versioning?.type === VersioningType.HEADER ? versioning.header.toLowerCase() : undefined,
      isEnded: plan.isEndedByNest,
      server: this.host.httpAdapter?.getHttpServer() as EventEmitter | undefined,
    };
  }

  async #decide(
    exchange: Exchange,
    route: Route | undefined,
    plan: Plan,
    next: CallHandler,
  ): Promise<Observable<unknown>> {
    const { responses } = this.http;
    const decision = await (route ? responses.answer(exchange, route) : responses.explain(exchange, route));
    if (decision === 'handle')
      return next.handle().pipe(
        tap({
          next: (value: unknown) => {
            exchange.returned = value;
            // What the framework and interceptors around read from now on is not the handler's.
            if (exchange.isEnded) exchange.watch?.end();
          },
          error: () => (exchange.isForsaken = true),
          unsubscribe: () => (exchange.isForsaken = !('returned' in exchange)),
        }),
      );
    return answered(exchange.context, plan);
  }

  #planOf(controller: Type, handler: Handler): Plan {
    const plans = this.#plans.get(controller) ?? new WeakMap<Handler, Plan>();
    this.#plans.set(controller, plans);
    const plan = plans.get(handler) ?? this.#makePlan(controller, handler);
    plans.set(handler, plan);
    return plan;
  }

  #makePlan(controller: Type, handler: Handler): Plan {
    const isSse = Reflect.hasMetadata(SSE_METADATA, handler);
    const { cached = false, ...options } = {
      strict: this.http.strict,
      ...routeMetadata(controller, handler),
    };
    const method = methodName(controller, handler);
    const route =
      cached && !isSse
        ? resolveRoute(`${controller.name}#${String(method ?? handler.name)}`, options, this.cache.options)
        : undefined;
    return {
      route: route && route.ttl > 0 ? route : undefined,
      evictions: isSse ? [] : ((Reflect.getMetadata(EVICT_METADATA, handler) ?? []) as CacheEvictOptions[]),
      invalidates: !isSse && options.invalidateOnUnsafe !== false,
      isEndedByNest: method !== undefined && !injectsResponse(controller, method),
      isRendered: Reflect.hasMetadata(RENDER_METADATA, handler),
    };
  }
}

/** A stored answer is on its way: whatever Nest sends now, that goes in its place. */
function answered({ response }: HttpCacheContext, { isRendered }: Plan): Observable<unknown> {
  if (isRendered) sendNothingInsteadOfAView(response);
  return of(undefined);
}

/** The property under which a controller has its handler: Nest's parameter metadata is kept by that name. */
function methodName(controller: Type, handler: Handler): string | symbol | undefined {
  for (
    let owner = controller.prototype as object | null;
    owner;
    owner = Object.getPrototypeOf(owner) as object | null
  ) {
    const name = Reflect.ownKeys(owner).find(
      (key) => Object.getOwnPropertyDescriptor(owner, key)?.value === handler,
    );
    if (name !== undefined) return name;
  }
  return undefined;
}

const SENDERS = new Set<string | undefined>([`${RouteParamtypes.RESPONSE}`, `${RouteParamtypes.NEXT}`]);

/** Nest's own rule for who sends the response: a handler with @Res() or @Next() does, unless it is passthrough. */
function injectsResponse(controller: Type, method: string | symbol): boolean {
  if (Reflect.getMetadata(RESPONSE_PASSTHROUGH_METADATA, controller, method)) return false;
  const parameters = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as object;
  return Object.keys(parameters).some((key) => SENDERS.has(key.split(':', 1)[0]));
}

/** A view is not to be made from nothing: what would be sent in its place is the stored answer. */
function sendNothingInsteadOfAView(response: object): void {
  const sender = response as { send(): unknown; render?: unknown; view?: unknown };
  sender.render = () => sender.send();
  sender.view = () => sender.send();
}
