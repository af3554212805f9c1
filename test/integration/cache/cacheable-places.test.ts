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
  type ModuleMetadata,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { Cron, ScheduleModule, SchedulerRegistry } from '@nestjs/schedule';
import request from 'supertest';
import { describe, expect, it, vi } from 'vitest';
import { Cacheable, CacheEvict, CacheModule, CacheService } from '../../../src/index.js';
import { MEMORY, start, startWith } from './method-apps.js';

/** What decorators of @nestjs/websockets, graphql and microservices leave on their handlers. */
const handles = (key: string) => (_: object, __: string, descriptor: PropertyDescriptor) =>
  Reflect.defineMetadata(key, 'add', descriptor.value as object);

/** For what is refused at start. */
const starting = async (metadata: ModuleMetadata, options = MEMORY): Promise<void> =>
  void (await start(metadata, options));

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
    expect((await startWith({ imports: [Above] })).get(Early).counts).toEqual([1, 1, 1]);
  });

  it('with forRootAsync too', async () => {
    const imports = [CacheModule.forRootAsync({ useFactory: () => MEMORY })];
    const counter = (await startWith({ imports, providers: [Counter] })).get(Counter);
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

  it('an alias needs no cache where it stands', async () => {
    const own = CacheModule.forRoot({ ...MEMORY, isGlobal: false });
    @Module({ imports: [own], providers: [Counter], exports: [Counter] })
    class Counters {}
    @Module({ imports: [Counters], providers: [{ provide: 'C', useExisting: Counter }] })
    class Aliases {}
    const counter = (await startWith({ imports: [Aliases] })).get<Counter>('C');
    expect([await counter.count(), await counter.count()]).toEqual([1, 1]);
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
    @Controller()
    class Listener {
      @handles('microservices:pattern') @CacheEvict({ tags: ['a'] }) async add(): Promise<void> {}
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
    await expect(starting({ controllers: [Listener] })).rejects.toThrow(
      /^Listener\.add: @CacheEvict stands on a handler of messages/,
    );
    await expect(starting({ providers: [FromRequest] })).rejects.toThrow(
      /^FromRequest\.write: .*functions of a request/,
    );
  });

  it('an error at start refuses handlers that are called past the instance', async () => {
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
    class Nameless {
      @Cacheable() async count(): Promise<number> {
        return 1;
      }
    }
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

  it('on a class that a decorator has extended, under the name that was written', async () => {
    class Written extends Counter {}
    const Extended = (() => class extends Written {})();
    const app = await start({ providers: [{ provide: 'E', useClass: Extended }] });
    await app.get<Counter>('E').count();
    expect(await app.get(CacheService).has('Written.count')).toBe(true);
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
    const names = (await start({ providers: [Names] })).get(Names);
    expect([await names.toString(), await names.toString()]).toEqual(['text 1', 'text 1']);
    expect([await names.__proto__(), await names.__proto__(), names.runs]).toEqual([2, 2, 2]);
    expect(Object.getPrototypeOf(names)).toBe(Names.prototype);
  });

  it('leaves an instance as it looked: its keys, its spread, the names of its methods', async () => {
    const counter = (await start({ providers: [Counter] })).get(Counter);
    expect(Object.keys(counter)).toEqual(['runs']);
    const wrapper = Reflect.get(counter, 'count');
    expect(wrapper).not.toBe(Reflect.get(Counter.prototype, 'count'));
    expect([wrapper.name, wrapper.length]).toEqual(['count', 1]);
  });

  it('nothing else than what Nest made: an object of one’s own is as it was written', async () => {
    await start({ providers: [Counter] });
    const own = new Counter();
    expect([await own.count(), await own.count()]).toEqual([1, 2]);
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
    const imports = [ScheduleModule.forRoot(), CacheModule.forRoot(MEMORY)];
    const app = await startWith({ imports, providers: [Jobs] });
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
    const earlier = await start({ providers });
    await counter.count();
    await earlier.close();
    const app = await start({ providers });
    expect([await counter.count(), await counter.count()]).toEqual([2, 2]);
    expect(await app.get(CacheService).has('Counter.count')).toBe(true);
  });

  it('a method that is spied on after the start, and one taken off its object', async () => {
    const counter = (await start({ providers: [Counter] })).get(Counter);
    const taken = Reflect.get(counter, 'count');
    expect([await taken.call(counter), await taken.call(counter)]).toEqual([1, 1]);
    const spy = vi.spyOn(counter, 'count');
    await counter.count();
    expect(spy).toHaveBeenCalledOnce();
    expect(counter.runs).toBe(1);
  });

  it('before the hooks of global modules too, in whatever order they are imported', async () => {
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
    const cacheModule = CacheModule.forRoot(MEMORY);
    for (const imports of [
      [Everywhere, cacheModule],
      [cacheModule, Everywhere],
    ])
      expect((await startWith({ imports })).get(Warm).counts).toEqual([1, 1]);
  });
});
