import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  Injectable,
  RequestMethod,
  VersioningType,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type Type,
} from '@nestjs/common';
import { GUARDS_METADATA, METHOD_METADATA, SSE_METADATA } from '@nestjs/common/internal';
import { ApplicationConfig, HttpAdapterHost, MetadataScanner, ModulesContainer } from '@nestjs/core';
import { HttpCacheOptionsError } from '../../cache.errors.js';
import { routeMetadata, type RouteMetadata } from '../http-cache.decorators.js';
import { HttpCache } from '../http-cache.middleware.js';
import { requestedVersion } from '../requested-version.js';

/** Metadata of @nestjs/platform-fastify's RouteConstraints. */
const CONSTRAINTS_METADATA = '__fastify_route_constraints__';
/** Requests for these may be answered from what GET stored. */
const METHODS = new Set<unknown>([RequestMethod.GET, RequestMethod.HEAD, RequestMethod.ALL]);

interface Handler {
  controller: Type;
  handler: object;
  /** How errors name it: `ProductsController.list`. */
  where: string;
}

/** Refuses `early` at start where it can't be right, and puts it in front of the framework. */
@Injectable()
export class EarlyRoutes implements OnApplicationBootstrap, BeforeApplicationShutdown {
  #isOpen = true;

  constructor(
    private readonly modules: ModulesContainer,
    private readonly application: ApplicationConfig,
    private readonly host: HttpAdapterHost,
    private readonly http: HttpCache,
  ) {}

  /** @throws HttpCacheOptionsError */
  onApplicationBootstrap(): void {
    const handlers = this.#handlers();
    const early = handlers.filter(isEarly);
    if (early.length === 0) return;
    for (const one of early) this.#check(one, handlers);
    const server = this.host.httpAdapter?.getHttpServer() as EventEmitter | undefined;
    if (!server) return;
    const versioning = this.application.getVersioning();
    const takes = this.http.responses.early((request) =>
      requestedVersion(versioning, request.headers, request),
    );
    standBefore(server, (request, response) => this.#isOpen && takes(request, response));
  }

  /** The framework says goodbye to connections in its own way. */
  beforeApplicationShutdown(): void {
    this.#isOpen = false;
  }

  #handlers(): Handler[] {
    const scanner = new MetadataScanner();
    const controllers = [...this.modules.values()].flatMap((module) => [...module.controllers.values()]);
    return controllers.flatMap(({ metatype }) => {
      if (typeof metatype !== 'function') return [];
      const prototype = metatype.prototype as Record<string, object>;
      return scanner.getAllMethodNames(prototype).flatMap((name): Handler[] => {
        const handler = prototype[name];
        const isRoute = handler !== undefined && Reflect.hasMetadata(METHOD_METADATA, handler);
        return isRoute ? [{ controller: metatype as Type, handler, where: `${metatype.name}.${name}` }] : [];
      });
    });
  }

  #check({ controller, handler, where }: Handler, all: readonly Handler[]): void {
    const refuse = (problem: string, advice: string): never => {
      throw new HttpCacheOptionsError(where, {
        problem: `it is early, and ${problem}`,
        expected: 'answers that are for everybody, found by the bytes of the request',
        advice,
      });
    };
    const { scope, key }: RouteMetadata = routeMetadata(controller, handler);
    const normalWay = 'leave early out: hits are then served behind guards and middleware';
    if (scope !== 'public') refuse("its scope is not 'public'", `say scope: 'public', or ${normalWay}`);
    const guarded = this.#guardedBy(controller, handler);
    if (guarded) refuse(`${guarded} would not run`, `take that off, or ${normalWay}`);
    if (typeof key === 'function')
      refuse('its key is a function, which is given requests behind middleware', normalWay);
    if (this.application.getVersioning()?.type === VersioningType.CUSTOM)
      refuse('the application finds versions by a function of its own', normalWay);
    const constrained = all.find((one) => isConstrained(one.handler));
    if (constrained)
      refuse(`${constrained.where} is found by constraints that may look at any header`, normalWay);
  }

  #guardedBy(controller: object, handler: object): string | undefined {
    const { application } = this;
    const isAnywhere = application.getGlobalGuards().length + application.getGlobalRequestGuards().length > 0;
    if (isAnywhere) return 'the guard of the whole application';
    if (hasGuards(controller)) return 'the guard of its controller';
    return hasGuards(handler) ? 'its guard' : undefined;
  }
}

function isEarly({ controller, handler }: Handler): boolean {
  const { cached, early } = routeMetadata(controller, handler);
  const isRead = METHODS.has(Reflect.getMetadata(METHOD_METADATA, handler));
  return cached === true && early === true && isRead && !Reflect.hasMetadata(SSE_METADATA, handler);
}

const hasGuards = (target: object): boolean =>
  ((Reflect.getMetadata(GUARDS_METADATA, target) ?? []) as unknown[]).length > 0;

/** By more than the host, which is part of every key. */
const isConstrained = (handler: object): boolean =>
  Object.keys((Reflect.getMetadata(CONSTRAINTS_METADATA, handler) ?? {}) as object).some(
    (name) => name !== 'host',
  );

type Listener = (request: IncomingMessage, response: ServerResponse) => void;

/** The listeners of a server get only what is not taken. */
function standBefore(
  server: EventEmitter,
  takes: (request: IncomingMessage, response: ServerResponse) => boolean,
): void {
  const behind = server.listeners('request') as Listener[];
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (takes(request, response)) return;
    for (const listener of behind) listener.call(server, request, response);
  });
}
