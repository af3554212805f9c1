import {
  Controller,
  Get,
  Global,
  Inject,
  Injectable,
  Module,
  Post,
  Scope,
  UseGuards,
  type CanActivate,
  type INestApplication,
  type ModuleMetadata,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { Cron, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import { Test } from '@nestjs/testing';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import mongoose from 'mongoose';
import request from 'supertest';
import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  Cacheable,
  CacheEvict,
  CacheMethodError,
  CacheModule,
  CacheService,
  model,
  type CacheModuleExtras,
  type CacheModuleOptions,
} from '../../../src/index.js';
import { describeWith, redis } from '../../servers/index.js';

const apps: INestApplication[] = [];
const MEMORY: CacheModuleOptions & CacheModuleExtras = { redis: false, jitter: 0 };

async function start(metadata: ModuleMetadata, options = MEMORY): Promise<INestApplication> {
  const module = await Test.createTestingModule({
    ...metadata,
    imports: [CacheModule.forRoot(options), ...(metadata.imports ?? [])],
  }).compile();
  const app = module.createNestApplication({ logger: false });
  apps.push(app);
  return app.init();
}

/** The one provider of an application that has nothing else. */
async function provided<T>(type: abstract new (...args: never[]) => T, options = MEMORY): Promise<T> {
  const app = await start({ providers: [type as never] }, options);
  return app.get<T>(type);
}

/** What is refused at start: whether nothing else than an error came of it. */
const starting = async (metadata: ModuleMetadata, options = MEMORY): Promise<void> =>
  void (await start(metadata, options));

function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

afterEach(async () => {
  await Promise.all(apps.splice(0).map((app) => app.close()));
});

@Injectable()
class Prices {
  runs = 0;
  failures = 0;
  readonly #secret = 'p';

  @Cacheable({ ttl: 60 })
  async price(id: string, options: { net: boolean } = { net: false }): Promise<string> {
    this.runs += 1;
    return `${this.#secret}:${id}:${options.net}:${this.runs}`;
  }

  @Cacheable({ ttl: 60, key: (id: string | undefined) => id && `named:${id}` })
  async named(id: string | undefined): Promise<number> {
    return (this.runs += id ? 1 : 100);
  }

  @Cacheable({ ttl: 60, key: 'all', tags: ['prices', model('Product')] })
  async all(): Promise<number> {
    return (this.runs += 1);
  }

  @Cacheable({ ttl: 60, tags: ({ id }: { id: string }, page: number) => [`price:${id}`, `page:${page}`] })
  async tagged(page: number): Promise<{ id: string; runs: number }> {
    return { id: `r${page}`, runs: (this.runs += 1) };
  }

  @Cacheable({ ttl: 60, tags: (value: { id: string }) => [value.id] })
  async nothing(): Promise<{ id: string } | undefined> {
    this.runs += 1;
    return undefined;
  }

  @Cacheable({ ttl: 60 })
  async nil(): Promise<null> {
    this.runs += 1;
    return null;
  }

  @Cacheable({ ttl: 60 })
  async failing(): Promise<never> {
    this.failures += 1;
    await turn();
    throw new Error(`no price ${this.failures}`);
  }

  async total(ids: string[]): Promise<string[]> {
    return Promise.all(ids.map((id) => this.price(id)));
  }

  @CacheEvict({ tags: ['prices'] })
  async raise(): Promise<string> {
    return 'raised';
  }

  @CacheEvict({ tags: ['prices'], keys: ['all'], models: ['Product'] })
  async raiseAndFail(): Promise<void> {
    throw new Error('too dear');
  }

  @CacheEvict({ models: ['Product'] })
  @CacheEvict({ keys: ['named:x'] })
  async change(): Promise<void> {}

  @CacheEvict((id: string, page: number) => ({ tags: [`price:${id}`], keys: [`page-of:${page}`] }))
  async rename(page: number): Promise<string> {
    return `r${page}`;
  }

  @CacheEvict((): never => {
    throw new Error('the eviction is broken');
  })
  @CacheEvict({ tags: ['prices'] })
  async half(): Promise<string> {
    return 'written';
  }
}

describe('@Cacheable on a provider', () => {
  it('runs a method once for the same arguments, and again for others', async () => {
    const prices = await provided(Prices);
    const first = await prices.price('r1');
    expect(first).toBe('p:r1:false:1');
    expect(await prices.price('r1')).toBe(first);
    expect(await prices.price('r2')).toBe('p:r2:false:2');
    expect(await prices.price('r1', { net: true })).toBe('p:r1:true:3');
    expect(await prices.price('r1', { net: true })).toBe('p:r1:true:3');
    expect(await prices.price(1 as never)).toBe('p:1:false:4');
    expect(await prices.price('1')).toBe('p:1:false:5');
  });

  it('keys are readable, and reached by delete and clearPattern', async () => {
    const prices = await provided(Prices);
    const cache = apps[0]!.get(CacheService);
    await prices.price('r1');
    await prices.all();
    await prices.named('x');
    expect(await cache.has('Prices.price("r1")')).toBe(true);
    expect(await cache.has('all')).toBe(true);
    expect(await cache.has('named:x')).toBe(true);
    await prices.price('long'.repeat(1_000));
    expect(await cache.clearPattern('Prices.price(*')).toBe(2);
    expect(await prices.price('r1')).toMatch(/:5$/);
  });

  it('a string as key stands before the arguments, so that no two calls are mistaken', async () => {
    class Labels {
      @Cacheable({ key: 'label', ttl: 60 }) async label(id?: string): Promise<string> {
        return `label of ${id}`;
      }
    }
    const labels = await provided(Labels);
    expect(await labels.label('a')).toBe('label of a');
    expect(await labels.label('b')).toBe('label of b');
    expect(await labels.label()).toBe('label of undefined');
    expect(await apps[0]!.get(CacheService).has('label')).toBe(true);
    expect(await apps[0]!.get(CacheService).has('label("a")')).toBe(true);
  });

  it('a key function that gives undefined bypasses the cache', async () => {
    const prices = await provided(Prices);
    expect(await prices.named(undefined)).toBe(100);
    expect(await prices.named(undefined)).toBe(200);
    expect(await prices.named('x')).toBe(201);
    expect(await prices.named('x')).toBe(201);
  });

  it('null is a value, undefined is not stored', async () => {
    const prices = await provided(Prices);
    expect([await prices.nil(), await prices.nil(), prices.runs]).toEqual([null, null, 1]);
    expect([await prices.nothing(), await prices.nothing(), prices.runs]).toEqual([undefined, undefined, 3]);
  });

  it('tags, models and tags of the result drop what they mark', async () => {
    const prices = await provided(Prices);
    const cache = apps[0]!.get(CacheService);
    expect([await prices.all(), await prices.all()]).toEqual([1, 1]);
    await cache.invalidateTags('prices');
    expect(await prices.all()).toBe(2);
    await cache.clearModelCache('Product');
    expect(await prices.all()).toBe(3);

    const [one, two] = [await prices.tagged(1), await prices.tagged(2)];
    await cache.invalidateTags('price:r1');
    expect((await prices.tagged(1)).runs).toBeGreaterThan(two.runs);
    expect(await prices.tagged(2)).toEqual(two);
    await cache.invalidateTags('page:2');
    expect((await prices.tagged(2)).runs).toBeGreaterThan(one.runs + 2);
  });

  it('hundreds of calls at once run the method once, and fail together with one error', async () => {
    const prices = await provided(Prices);
    const results = await Promise.all(Array.from({ length: 300 }, () => prices.price('r1')));
    expect(new Set(results)).toEqual(new Set(['p:r1:false:1']));
    const failures = await Promise.allSettled(Array.from({ length: 300 }, () => prices.failing()));
    expect(failures.every(({ status }) => status === 'rejected')).toBe(true);
    expect(prices.failures).toBe(1);
    await expect(prices.failing()).rejects.toThrow('no price 2');
  });

  it('calls by this go through the cache too', async () => {
    const prices = await provided(Prices);
    await prices.total(['a', 'b']);
    await prices.total(['b', 'a']);
    expect(prices.runs).toBe(2);
  });

  it('a stale result is served while the method runs again', async () => {
    class Slow {
      runs = 0;
      @Cacheable({ ttl: '20ms', staleTtl: 60 }) async load(): Promise<number> {
        return (this.runs += 1);
      }
    }
    const slow = await provided(Slow);
    expect(await slow.load()).toBe(1);
    await sleep(30);
    expect(await slow.load()).toBe(1);
    await vi.waitFor(async () => expect(await slow.load()).toBeGreaterThan(1));
  });

  it('what a caller does to a result or an argument changes nobody else’s', async () => {
    class Lists {
      @Cacheable({ ttl: 60 }) async list(query: { page: number }): Promise<{ pages: number[] }> {
        return { pages: [query.page] };
      }
    }
    const lists = await provided(Lists);
    (await lists.list({ page: 1 })).pages.push(9);
    (await lists.list({ page: 1 })).pages.push(9);
    expect(await lists.list({ page: 1 })).toEqual({ pages: [1] });
  });

  it('an argument that is changed while the cache is asked never puts its result under the old key', async () => {
    class Lists {
      @Cacheable({ ttl: 60 }) async list(query: { page: number }): Promise<number> {
        return query.page;
      }
    }
    const lists = await provided(Lists);
    const query = { page: 1 };
    const first = lists.list(query);
    query.page = 2;
    const second = lists.list(query);
    const error = await first.catch((error: unknown) => error);
    expect(error).toBeInstanceOf(CacheMethodError);
    expect((error as Error).message).toMatch(/^Lists\.list: its arguments were changed/);
    expect(await second).toBe(2);
    expect(await lists.list({ page: 1 })).toBe(1);
    expect(await lists.list({ page: 2 })).toBe(2);
  });

  it('with a function as key such a result is not stored at all', async () => {
    class Lists {
      @Cacheable({ ttl: 60, key: ({ page }: { page: number }) => `page:${page}` })
      async list(query: { page: number }): Promise<number> {
        return query.page;
      }
    }
    const lists = await provided(Lists);
    const query = { page: 1 };
    const first = lists.list(query);
    query.page = 2;
    await first;
    expect(await apps[0]!.get(CacheService).has('page:1')).toBe(false);
    expect(await lists.list({ page: 1 })).toBe(1);
  });

  it('tags that are no list are a clear error: nothing would ever drop the entry', async () => {
    class Tagged {
      @Cacheable({ tags: () => 'abc' as never }) async load(): Promise<number> {
        return 1;
      }
    }
    await expect((await provided(Tagged)).load()).rejects.toThrow(
      /^Tagged\.load: the function tags of @Cacheable gave "abc"; expected a list/,
    );
  });

  it('arguments that make no key are a clear error, and do not run the method', async () => {
    const prices = await provided(Prices);
    await expect(prices.price((() => 'r1') as never)).rejects.toMatchObject({
      code: 'INVALID_CACHED_METHOD',
      message: expect.stringMatching(
        /^Prices\.price: the arguments make no key: argument 1 is a function;.*as key/,
      ) as string,
    });
    expect(prices.runs).toBe(0);
  });

  it('typed values are told apart: an ObjectId is not its text', async () => {
    class Finder {
      runs = 0;
      @Cacheable({ ttl: 60 }) async find(by: unknown): Promise<number> {
        return by === undefined ? 0 : (this.runs += 1);
      }
    }
    const finder = await provided(Finder);
    const id = new mongoose.Types.ObjectId();
    expect(await finder.find(id)).toBe(1);
    expect(await finder.find(new mongoose.Types.ObjectId(id.toHexString()))).toBe(1);
    expect(await finder.find(id.toHexString())).toBe(2);
    expect(await finder.find({ id })).toBe(3);
  });

  it('a method that returns no promise is a clear error', async () => {
    class Sync {
      @(Cacheable() as MethodDecorator) now(): number {
        return 1;
      }
      @CacheEvict({ keys: ['k'] }) write(): void {}
    }
    const sync = await provided(Sync);
    const cache = apps[0]!.get(CacheService);
    await cache.set('k', 1);
    await expect(sync.now()).rejects.toThrow(/^Sync\.now: it returned no promise; expected an async method/);
    // What it wrote it wrote: the cache must not say otherwise.
    await expect(sync.write()).rejects.toThrow(/^Sync\.write: it returned no promise/);
    expect(await cache.has('k')).toBe(false);
  });
});

describe('@CacheEvict on a provider', () => {
  it('drops tags, keys and models before the caller has the result', async () => {
    const prices = await provided(Prices);
    const cache = apps[0]!.get(CacheService);
    await prices.all();
    expect(await prices.raise()).toBe('raised');
    expect(await cache.has('all')).toBe(false);
    await prices.all();
    await prices.named('x');
    await prices.change();
    expect(await cache.has('all')).toBe(false);
    expect(await cache.has('named:x')).toBe(false);
  });

  it('drops nothing after a failure', async () => {
    const prices = await provided(Prices);
    await prices.all();
    await expect(prices.raiseAndFail()).rejects.toThrow('too dear');
    expect(await apps[0]!.get(CacheService).has('all')).toBe(true);
  });

  it('a function is given result and arguments', async () => {
    const prices = await provided(Prices);
    const cache = apps[0]!.get(CacheService);
    await Promise.all([prices.tagged(1), prices.tagged(2), cache.set('page-of:1', 1)]);
    expect(await prices.rename(1)).toBe('r1');
    expect(await cache.has('Prices.tagged(1)')).toBe(false);
    expect(await cache.has('page-of:1')).toBe(false);
    expect(await cache.has('Prices.tagged(2)')).toBe(true);
  });

  it('an eviction that can not be made fails neither the write nor the others', async () => {
    const prices = await provided(Prices);
    await prices.all();
    expect(await prices.half()).toBe('written');
    expect(await apps[0]!.get(CacheService).has('all')).toBe(false);
  });

  it('takes a list for a list only, and a promise of one too', async () => {
    class Shop {
      @CacheEvict(() => ({ keys: 'k' as never })) async text(): Promise<void> {}
      @CacheEvict(() => ({ key: ['k'] }) as never) async misspelt(): Promise<void> {}
      @CacheEvict(async () => ({ keys: ['k'] })) async later(): Promise<void> {}
    }
    const shop = await provided(Shop);
    const cache = apps[0]!.get(CacheService);
    await cache.set('k', 1);
    await shop.text();
    await shop.misspelt();
    expect(await cache.has('k')).toBe(true);
    await shop.later();
    expect(await cache.has('k')).toBe(false);
  });

  it('a load that is under way during the write is not kept', async () => {
    let value = 'old';
    const [started, finish] = [gate(), gate()];
    class Shop {
      @Cacheable({ ttl: 60, tags: ['value'] }) async read(): Promise<string> {
        const read = value;
        started.open();
        await finish.opened;
        return read;
      }
      @CacheEvict({ tags: ['value'] }) async write(): Promise<void> {
        value = 'new';
      }
    }
    const shop = await provided(Shop);
    const early = shop.read();
    await started.opened;
    await shop.write();
    finish.open();
    expect(await early).toBe('old');
    expect(await shop.read()).toBe('new');
  });

  it('works on a controller as before, by lists and by functions of the request', async () => {
    @Controller()
    class ShopController {
      @Post() @CacheEvict({ tags: (ctx) => [String(ctx.query['tag'])] }) write() {
        return {};
      }
    }
    const app = await start({ controllers: [ShopController] }, { ...MEMORY, http: { global: true } });
    const cache = app.get(CacheService);
    await cache.set('k', 1, { tags: ['roses'] });
    await request(app.getHttpServer()).post('/?tag=roses').expect(201);
    expect(await cache.has('k')).toBe(false);
  });
});

class Counter {
  runs = 0;
  @Cacheable({ ttl: 60 }) async count(_id?: unknown): Promise<number> {
    return (this.runs += 1);
  }
}

describe('Where @Cacheable and @CacheEvict act', () => {
  it.each<[string, ModuleMetadata['providers']]>([
    ['a class', [{ provide: 'C', useClass: Counter }]],
    ['a factory', [{ provide: 'C', useFactory: () => new Counter() }]],
    ['an asynchronous factory', [{ provide: 'C', useFactory: async () => new Counter() }]],
    ['a value', [{ provide: 'C', useValue: new Counter() }]],
    ['an alias', [Counter, { provide: 'C', useExisting: Counter }]],
    ['two aliases', [Counter, { provide: 'B', useExisting: Counter }, { provide: 'C', useExisting: 'B' }]],
  ])('on %s, once', async (_, providers) => {
    const app = await start({ providers: providers ?? [] });
    const counter = app.get<Counter>('C');
    expect([await counter.count(), await counter.count(), counter.runs]).toEqual([1, 1, 1]);
    expect(app.get(CacheService).stats().fills).toBe(1);
  });

  it('on several instances of one class, which share their entries', async () => {
    @Module({ providers: [Counter] })
    class One {}
    @Module({ providers: [Counter] })
    class Two {}
    const app = await start({ imports: [One, Two] });
    const [one, two] = [One, Two].map((module) => app.select(module).get(Counter, { strict: true })) as [
      Counter,
      Counter,
    ];
    expect(one).not.toBe(two);
    expect([await one.count(), await two.count(), one.runs, two.runs]).toEqual([1, 1, 1, 0]);
  });

  it('on inherited methods, by the class of the instance; an override without a decorator is left alone', async () => {
    abstract class Repository {
      abstract readonly flower: string;
      @Cacheable({ ttl: 60 }) async find(id: number): Promise<string> {
        return `${this.flower} ${id}`;
      }
      @Cacheable({ ttl: 60 }) async fresh(): Promise<number> {
        return -1;
      }
    }
    class Roses extends Repository {
      readonly flower = 'rose';
    }
    class Tulips extends Repository {
      readonly flower = 'tulip';
      runs = 0;
      override async fresh(): Promise<number> {
        await super.fresh();
        return (this.runs += 1);
      }
      @Cacheable({ ttl: 60 }) override async find(id: number): Promise<string> {
        return `fresh ${await super.find(id)}`;
      }
    }
    const app = await start({ providers: [Roses, Tulips] });
    const [roses, tulips] = [app.get(Roses), app.get(Tulips)];
    expect([await roses.find(1), await tulips.find(1)]).toEqual(['rose 1', 'fresh tulip 1']);
    expect([await roses.find(1), await tulips.find(1)]).toEqual(['rose 1', 'fresh tulip 1']);
    expect([await tulips.fresh(), await tulips.fresh()]).toEqual([1, 2]);
  });

  it('before any hook of a module that is not global, wherever it stands', async () => {
    @Injectable()
    class Early implements OnModuleInit, OnApplicationBootstrap {
      counts: number[] = [];
      constructor(private readonly counter: Counter) {}
      async onModuleInit(): Promise<void> {
        this.counts.push(await this.counter.count(), await this.counter.count());
      }
      async onApplicationBootstrap(): Promise<void> {
        this.counts.push(await this.counter.count());
      }
    }
    @Module({ providers: [Counter, Early], exports: [Early] })
    class Deep {}
    @Module({ imports: [Deep] })
    class Middle {}
    expect((await start({ imports: [Middle] })).get(Early).counts).toEqual([1, 1, 1]);

    const own = CacheModule.forRoot({ ...MEMORY, isGlobal: false });
    @Module({ imports: [own], providers: [Counter, Early] })
    class Apart {}
    @Module({ imports: [Apart, own] })
    class Above {}
    const module = await Test.createTestingModule({ imports: [Above] }).compile();
    const app = module.createNestApplication();
    apps.push(app);
    expect((await app.init()).get(Early).counts).toEqual([1, 1, 1]);
  });

  it('with forRootAsync too', async () => {
    const module = await Test.createTestingModule({
      imports: [CacheModule.forRootAsync({ useFactory: () => MEMORY })],
      providers: [Counter],
    }).compile();
    const app = module.createNestApplication();
    apps.push(app);
    const counter = (await app.init()).get(Counter);
    expect([await counter.count(), await counter.count()]).toEqual([1, 1]);
  });

  it('in the CacheService that the class could inject, where there are several', async () => {
    @Injectable()
    class Injecting extends Counter {
      constructor(readonly cache: CacheService) {
        super();
      }
    }
    class Elsewhere extends Injecting {}
    @Module({ imports: [CacheModule.forRoot({ ...MEMORY, isGlobal: false })], providers: [Injecting] })
    class Apart {}
    const app = await start({ imports: [Apart], providers: [Elsewhere] });
    const [apart, elsewhere] = [app.get(Injecting), app.get(Elsewhere)];
    await Promise.all([apart.count(), elsewhere.count()]);
    expect(apart.cache).not.toBe(elsewhere.cache);
    expect(await apart.cache.has('Injecting.count')).toBe(true);
    expect(await elsewhere.cache.has('Elsewhere.count')).toBe(true);
    expect(await elsewhere.cache.has('Injecting.count')).toBe(false);
  });

  it('an error at start names the module that sees no cache', async () => {
    @Module({ providers: [Counter] })
    class Blind {}
    await expect(starting({ imports: [Blind] }, { ...MEMORY, isGlobal: false })).rejects.toThrow(
      /^Counter\.count: its module, Blind, has no CacheService/,
    );
  });

  it('on guards that only routes name', async () => {
    @Injectable()
    class CountingGuard extends Counter implements CanActivate {
      async canActivate(): Promise<boolean> {
        return (await this.count()) === 1;
      }
    }
    @Controller()
    class ShopController {
      @Get() @UseGuards(CountingGuard) get() {
        return {};
      }
    }
    const app = await start({ controllers: [ShopController] });
    const answers = [
      await request(app.getHttpServer()).get('/'),
      await request(app.getHttpServer()).get('/'),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
  });

  it.each([Scope.REQUEST, Scope.TRANSIENT])('an error at start refuses scope %s', async (scope) => {
    @Injectable({ scope })
    class Scoped extends Counter {}
    @Injectable()
    class User {
      constructor(readonly scoped: Scoped) {}
    }
    const name = scope === Scope.REQUEST ? 'request-scoped' : 'transient';
    const message = new RegExp(`^Scoped\\.count: its provider is ${name}`);
    await expect(starting({ providers: [Scoped] })).rejects.toThrow(message);
    await expect(starting({ providers: [Scoped, User] })).rejects.toThrow(message);
    await expect(
      starting({ providers: [{ provide: Scoped, scope, useFactory: () => new Scoped() }] }),
    ).rejects.toThrow(message);
  });

  it('an error at start refuses what depends on a request', async () => {
    @Injectable()
    class Asker extends Counter {
      constructor(@Inject(REQUEST) readonly request: unknown) {
        super();
      }
    }
    await expect(starting({ providers: [Asker] })).rejects.toThrow(
      /^Asker\.count: its provider is request-scoped, or depends/,
    );
  });

  it('an error at start refuses controllers, and says what to use', async () => {
    @Controller()
    class Cached {
      @Get() @Cacheable() async get(): Promise<number> {
        return 1;
      }
    }
    @Controller({ scope: Scope.REQUEST })
    class Evicting {
      @Post() @CacheEvict((result: number) => ({ tags: [String(result)] })) async post(): Promise<number> {
        return 1;
      }
    }
    class FromRequest {
      @CacheEvict({ tags: (ctx) => [ctx.url] }) async write(): Promise<void> {}
    }
    await expect(starting({ controllers: [Cached] })).rejects.toThrow(
      /^Cached\.get: @Cacheable stands in a controller.*@CacheTTL/,
    );
    await expect(starting({ controllers: [Evicting] })).rejects.toThrow(
      /^Evicting\.post: .*for providers; expected lists/,
    );
    await expect(starting({ providers: [FromRequest] })).rejects.toThrow(
      /^FromRequest\.write: .*functions of a request/,
    );
  });

  it('an error at start refuses handlers that are called past the instance', async () => {
    const handles = (key: string) => (_: object, __: string, descriptor: PropertyDescriptor) =>
      Reflect.defineMetadata(key, 'add', descriptor.value as object);
    class Gateway {
      @handles('websockets:message_mapping') @CacheEvict({ tags: ['a'] }) async add(): Promise<void> {}
    }
    class Resolver {
      @CacheEvict({ tags: ['a'] }) @handles('graphql:resolver_type') async add(): Promise<void> {}
    }
    await expect(starting({ providers: [Gateway] })).rejects.toThrow(
      /^Gateway\.add: it is a handler of a WebSocket gateway/,
    );
    await expect(starting({ providers: [Resolver] })).rejects.toThrow(
      /^Resolver\.add: it is a handler of a GraphQL resolver/,
    );
  });

  it('an error at start refuses two methods that would give each other’s results', async () => {
    const made = (text: string) => {
      class Texts {
        @Cacheable() async text(): Promise<string> {
          return text;
        }
      }
      return Texts;
    };
    await expect(starting({ providers: [made('one'), made('two')] })).rejects.toThrow(
      /^Texts\.text: its keys are those of another method, Texts\.text;.*another key, or the class another name/,
    );
    class Twice {
      @Cacheable({ key: 'k' }) async a(): Promise<void> {}
      @Cacheable({ key: 'k' }) async b(): Promise<void> {}
    }
    await expect(starting({ providers: [Twice] })).rejects.toThrow(
      /^Twice\.b: its keys are those of another method, Twice\.a/,
    );
    class Repository {
      @Cacheable({ key: (id: string) => `find:${id}` }) async find(id: string): Promise<string> {
        return id;
      }
    }
    class Roses extends Repository {}
    class Tulips extends Repository {}
    await expect(starting({ providers: [Roses, Tulips] })).rejects.toThrow(
      /^Tulips\.find: its keys are those of .* Roses\.find/,
    );
  });

  it('an error at start asks for a key where nothing names it', async () => {
    const symbol = Symbol('price');
    class BySymbol {
      @Cacheable() async [symbol](): Promise<number> {
        return 1;
      }
    }
    await expect(starting({ providers: [BySymbol] })).rejects.toThrow(
      /^BySymbol\.Symbol\(price\): a symbol makes no key/,
    );
    class Nameless extends Counter {}
    Object.defineProperty(Nameless, 'name', { value: '' });
    await expect(starting({ providers: [{ provide: 'N', useValue: new Nameless() }] })).rejects.toThrow(
      /^\.count: its class has no name/,
    );
  });

  it('an error at start refuses a frozen object, and a method that has become a getter', async () => {
    await expect(
      starting({ providers: [{ provide: 'F', useValue: Object.freeze(new Counter()) }] }),
    ).rejects.toThrow(/^Counter\.count: .*frozen/);
    const bound = (_: object, __: string, { value }: PropertyDescriptor): PropertyDescriptor => ({
      configurable: true,
      get: () => value as unknown,
    });
    class Bound {
      @bound @Cacheable() async price(): Promise<number> {
        return 1;
      }
    }
    await expect(starting({ providers: [Bound] })).rejects.toThrow(
      /^Bound\.price: another decorator has put a getter/,
    );
  });

  it('getters of providers never run, and what is no object is left alone', async () => {
    let reads = 0;
    class Odd extends Counter {
      get now(): number {
        return (reads += 1);
      }
      static get count(): number {
        return (reads += 1);
      }
    }
    const values = [
      null,
      undefined,
      0,
      '',
      1n,
      Symbol('s'),
      () => 1,
      Odd,
      Object.create(null),
      [],
      new Map(),
    ];
    const app = await start({
      providers: [Odd, ...values.map((useValue, index) => ({ provide: `V${index}`, useValue }))],
    });
    const odd = app.get(Odd);
    expect([await odd.count(), await odd.count(), reads]).toEqual([1, 1, 0]);
  });

  it('a fake in the place of a provider is what it is', async () => {
    class Fake extends Counter {
      override count = vi.fn<() => Promise<number>>(async () => 7);
    }
    const app = await start({ providers: [{ provide: Counter, useClass: Fake }] });
    const fake = app.get(Counter) as Fake;
    expect([await fake.count(), await fake.count()]).toEqual([7, 7]);
    expect(fake.count).toHaveBeenCalledTimes(2);
  });

  it('methods by the names of Object.prototype', async () => {
    class Names {
      runs = 0;
      @Cacheable({ ttl: 60 }) async toString(): Promise<string> {
        return `text ${(this.runs += 1)}`;
      }
      @Cacheable({ ttl: 60 }) async hasOwnProperty(): Promise<boolean> {
        return (this.runs += 1) > 0;
      }
      @Cacheable({ ttl: 60 }) async ['__proto__'](): Promise<number> {
        return (this.runs += 1);
      }
    }
    const names = (await provided(Names as never as typeof Counter)) as never as {
      toString(): Promise<string>;
      __proto__(): Promise<number>;
      runs: number;
    };
    expect([await names.toString(), await names.toString()]).toEqual(['text 1', 'text 1']);
    expect([await names.__proto__(), await names.__proto__(), names.runs]).toEqual([2, 2, 2]);
    expect(Object.getPrototypeOf(names)).toBe(Names.prototype);
  });

  it('leaves an instance as it looked: its keys, its spread, the names of its methods', async () => {
    const prices = await provided(Prices);
    expect(Object.keys(prices)).toEqual(['runs', 'failures']);
    expect([prices.price.name, prices.price.length]).toEqual(['price', Prices.prototype.price.length]);
    expect(await new Prices().price('x')).toBe('p:x:false:1');
  });

  it('keeps what other decorators said of a method, in either order', async () => {
    class Jobs {
      runs = 0;
      @Cron('0 0 1 1 *', { name: 'above' }) @CacheEvict({ tags: ['a'] }) async above(): Promise<void> {
        this.runs += 1;
      }
      @CacheEvict({ tags: ['b'] }) @Cron('0 0 1 1 *', { name: 'below' }) async below(): Promise<void> {
        this.runs += 1;
      }
    }
    const app = await start({ imports: [ScheduleModule.forRoot()], providers: [Jobs] });
    const cache = app.get(CacheService);
    for (const [job, tag] of [
      ['above', 'a'],
      ['below', 'b'],
    ] as const) {
      await cache.set(tag, 1, { tags: [tag] });
      await app.get(SchedulerRegistry).getCronJob(job).fireOnTick();
      await vi.waitFor(async () => expect(await cache.has(tag)).toBe(false));
    }
    expect(app.get(Jobs).runs).toBe(2);
  });

  it('a value that lives through two applications is cached in the later one, not twice', async () => {
    const counter = new Counter();
    const providers = [{ provide: Counter, useValue: counter }];
    await start({ providers });
    await counter.count();
    await apps.pop()!.close();
    const app = await start({ providers });
    expect([await counter.count(), await counter.count()]).toEqual([2, 2]);
    expect(await app.get(CacheService).has('Counter.count')).toBe(true);
  });

  it('a method that is spied on after the start, and one taken off its object', async () => {
    const counter = await provided(Counter);
    const taken = Reflect.get(counter, 'count');
    expect([await taken.call(counter), await taken.call(counter)]).toEqual([1, 1]);
    const spy = vi.spyOn(counter, 'count');
    await counter.count();
    expect(spy).toHaveBeenCalledOnce();
    expect(counter.runs).toBe(1);
  });

  it('a global module that is imported after CacheModule has cached methods in its hooks', async () => {
    @Injectable()
    class Warm implements OnModuleInit {
      counts: number[] = [];
      constructor(private readonly counter: Counter) {}
      async onModuleInit(): Promise<void> {
        this.counts.push(await this.counter.count(), await this.counter.count());
      }
    }
    @Global()
    @Module({ providers: [Counter, Warm], exports: [Warm] })
    class Everywhere {}
    expect((await start({ imports: [Everywhere] })).get(Warm).counts).toEqual([1, 1]);
  });
});

describeWith('redis', '@Cacheable on Redis', () => {
  const SHARED = () => {
    const { url, namespace } = redis();
    return { redis: { url }, namespace, jitter: 0 };
  };

  it('two applications run the method once, and see each other’s evictions', async () => {
    const options = SHARED();
    const [one, two] = [
      (await start({ providers: [Prices] }, options)).get(Prices),
      (await start({ providers: [Prices] }, options)).get(Prices),
    ];
    const results = await Promise.all(
      Array.from({ length: 100 }, (_, index) => (index % 2 ? one : two).price('r1')),
    );
    expect(new Set(results).size).toBe(1);
    expect(one.runs + two.runs).toBe(1);

    await one.all();
    await two.all();
    const runs = one.runs + two.runs;
    await one.raise();
    await vi.waitFor(async () => {
      await two.all();
      expect(one.runs + two.runs).toBe(runs + 1);
    });
  });

  it('values come back as what they were', async () => {
    class Typed {
      @Cacheable({ ttl: 60 }) async typed(): Promise<object> {
        return { at: new Date(5), ids: new Set([new mongoose.Types.ObjectId('65a000000000000000000001')]) };
      }
    }
    const options = SHARED();
    const first = (await start({ providers: [Typed] }, options)).get(Typed);
    const second = (await start({ providers: [Typed] }, options)).get(Typed);
    const made = await first.typed();
    expect(await first.typed()).toEqual(made);
    expect(await second.typed()).toEqual(made);
  });

  it('without Redis methods are answered all the same', async () => {
    const prices = await provided(Prices, {
      redis: { url: 'redis://127.0.0.1:1' },
      namespace: SHARED().namespace,
    });
    expect(await prices.price('r1')).toMatch(/^p:r1/);
    expect(await prices.raise()).toBe('raised');
    await expect(prices.failing()).rejects.toThrow('no price');
  });
});
