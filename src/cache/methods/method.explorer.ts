import { Injectable, Optional, type OnModuleInit } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import { CacheMethodError } from '../cache.errors.js';
import { CacheService } from '../cache.service.js';
import { keyName } from './argument-key.js';
import { cached, evicting } from './around-method.js';
import type { Caching } from './decorated-methods.js';
import { checkOnController, checkOnProvider, refuseScope } from './method-fitness.js';
import { classNameOf, decoratedMethods, replaceMethod, type FoundMethod } from './method-finder.js';

type ModuleHost = NonNullable<ReturnType<ModulesContainer['get']>>;
type Provider = NonNullable<ReturnType<ModuleHost['providers']['get']>>;

/** What a module sees: each class is cached in the CacheService that it could inject. */
@Injectable()
class Sight {
  constructor(@Optional() readonly cache?: CacheService) {}
}

/** Puts the cache around the decorated methods of all singletons, on the instances themselves. */
@Injectable()
export class MethodExplorer implements OnModuleInit {
  /** By cache, and by what its keys begin with or are made by: the methods that have it. */
  readonly #owners = new Map<CacheService, Map<Caching['key'], FoundMethod & { of: object | null }>>();

  constructor(private readonly modules: ModulesContainer) {}

  /** @throws CacheMethodError */
  async onModuleInit(): Promise<void> {
    for (const host of this.modules.values()) {
      for (const { metatype } of host.controllers.values()) methodsOf(metatype).forEach(checkOnController);
      // Guards, interceptors, pipes and filters are injectables, not providers.
      for (const providers of [host.providers, host.injectables, host.middlewares])
        for (const provider of providers.values()) await this.#explore(provider, host);
    }
  }

  async #explore(provider: Provider, host: ModuleHost): Promise<void> {
    const isStatic = provider.isDependencyTreeStatic();
    if (!isStatic || provider.isTransient) {
      const [found] = [provider.metatype, provider.token].flatMap(methodsOf);
      if (found) refuseScope(found, isStatic ? 'transient' : 'request-scoped');
      return;
    }
    const instance: unknown = provider.instance;
    if (provider.isAlias || typeof instance !== 'object' || instance === null) return;
    const found = decoratedMethods(instance);
    if (found.length === 0) return;
    found.forEach(checkOnProvider);
    const cache = await this.#cacheOf(host, found[0] as FoundMethod);
    for (const one of found) this.#wrap(instance, one, cache);
  }

  #wrap(instance: object, found: FoundMethod, cache: CacheService): void {
    const { method, plan, where } = found;
    if (!plan.caching) return replaceMethod(instance, found, evicting(cache, method, plan.evictions, where));
    const key = plan.caching.key ?? automaticName(instance, found);
    this.#claim(key, instance, found, cache);
    replaceMethod(instance, found, cached(cache, method, { ...plan.caching, key }, where));
  }

  /** Two methods with the same keys would give each other's results. Instances of one class share theirs. */
  #claim(key: Caching['key'], instance: object, found: FoundMethod, cache: CacheService): void {
    const owners = this.#owners.get(cache) ?? new Map<Caching['key'], FoundMethod & { of: object | null }>();
    this.#owners.set(cache, owners);
    const of = Object.getPrototypeOf(instance) as object | null;
    const owner = owners.get(key);
    if (owner && (owner.of !== of || owner.name !== found.name)) {
      throw new CacheMethodError(found.where, {
        problem: `its keys are those of another method, ${owner.where}`,
        expected: 'keys of its own',
        advice: 'give @Cacheable another key, or the class another name',
      });
    }
    owners.set(key, { ...found, of });
  }

  async #cacheOf(host: ModuleHost, { where }: FoundMethod): Promise<CacheService> {
    const moduleRef = host.getProviderByKey(ModuleRef).instance;
    const { cache } = await moduleRef.create(Sight);
    if (cache) return cache;
    throw new CacheMethodError(where, {
      problem: `its module, ${host.name}, has no CacheService`,
      expected: 'CacheModule among its imports, or a global one',
    });
  }
}

/** Decorated methods of a class, before it has instances. */
function methodsOf(type: unknown): FoundMethod[] {
  const prototype: unknown = typeof type === 'function' ? type.prototype : undefined;
  return typeof prototype === 'object' && prototype !== null ? decoratedMethods(prototype) : [];
}

function automaticName(instance: object, { name, where }: FoundMethod): string {
  const className = classNameOf(instance);
  if (className !== '') return `${keyName(className)}.${keyName(String(name))}`;
  throw new CacheMethodError(where, {
    problem: 'its class has no name to make keys of',
    expected: 'a name, or a key in the options of @Cacheable',
  });
}
