import { Cron, CronExpression } from '@nestjs/schedule';
import { describe, expect, it } from 'vitest';
import { Cacheable, CacheEvict, CacheMethodError, HttpCacheOptionsError, model } from '../../../src/index.js';
import { plansOf } from '../../../src/cache/methods/decorated-methods.js';

interface Product {
  id: string;
}
const product = (id: string): Product => ({ id });

type Decorator = (target: object, name: string, descriptor: PropertyDescriptor) => void;

/** Decorates the method `list` of a new class as a compiler does, the last decorator first. */
function decorated(...decorators: unknown[]) {
  class Shop {
    list(): void {}
  }
  const descriptor = Object.getOwnPropertyDescriptor(Shop.prototype, 'list') as PropertyDescriptor;
  const before = descriptor.value as object;
  for (const decorate of decorators.toReversed() as Decorator[]) decorate(Shop.prototype, 'list', descriptor);
  return { Shop, before, after: descriptor.value as object };
}

describe('@Cacheable and @CacheEvict on methods', () => {
  it('only write metadata: the method stays what it was', () => {
    const { Shop, before, after } = decorated(Cacheable({ ttl: '5m', key: 'list', tags: ['a'] }));
    expect(after).toBe(before);
    expect(plansOf(Shop.prototype).get('list')).toEqual({
      caching: { key: 'list', tags: undefined, options: { ttl: '5m', tags: ['a'] } },
      evictions: [],
    });
    expect(decorated(CacheEvict({ tags: ['a'] })).after).toBeInstanceOf(Function);
  });

  it('know what several @CacheEvict say, those of functions too', () => {
    const made = () => ({ tags: ['made'] });
    const { Shop } = decorated(CacheEvict(made), CacheEvict({ keys: ['k'] }), CacheEvict({ models: ['M'] }));
    expect(plansOf(Shop.prototype).get('list')?.evictions).toEqual([
      { models: ['M'] },
      { keys: ['k'] },
      made,
    ]);
  });

  it('are not inherited as metadata: each class says what is its own', () => {
    class Shop {
      @Cacheable() async list(): Promise<number> {
        return 1;
      }
    }
    class Branch extends Shop {
      @CacheEvict({ tags: ['a'] }) async write(): Promise<void> {}
    }
    expect([...plansOf(Shop.prototype).keys()]).toEqual(['list']);
    expect([...plansOf(Branch.prototype).keys()]).toEqual(['write']);
  });

  it('are not lost when another decorator replaces the function, before or after', () => {
    const replacing: Decorator = (_target, _name, descriptor) => {
      descriptor.value = () => Promise.resolve(1);
    };
    for (const decorators of [
      [replacing, Cacheable()],
      [Cacheable(), replacing],
    ])
      expect(plansOf(decorated(...decorators).Shop.prototype).get('list')?.caching).toBeDefined();
  });

  it.each<[string, () => unknown, RegExp]>([
    [
      'a ttl that is none',
      () => Cacheable({ ttl: 'soon' }),
      /^@Cacheable on Shop\.list: ttl is "soon".*'5m'/,
    ],
    ['NaN', () => Cacheable({ ttl: Number.NaN }), /ttl is NaN/],
    ['a negative staleTtl', () => Cacheable({ staleTtl: -1 }), /staleTtl is -1/],
    ['an unknown option', () => Cacheable({ tll: 5 } as object), /no option "tll"; expected one of key, ttl/],
    ['a ttl instead of options', () => Cacheable(60 as never), /the options are 60/],
    ['null', () => Cacheable(null as never), /the options are null/],
    ['an empty key', () => Cacheable({ key: '' }), /key is ""/],
    ['a key with NUL', () => Cacheable({ key: 'a\0' }), /key is/],
    ['a key that is none', () => Cacheable({ key: 5 as never }), /key is 5/],
    ['tags that are no list', () => Cacheable({ tags: 'a' as never }), /tags is "a"/],
    ['an empty tag', () => Cacheable({ tags: [''] }), /tag is ""/],
    ['a timeout that is none', () => Cacheable({ timeout: { hard: 'soon' } }), /timeout\.hard is "soon"/],
  ])('%s is refused where it stands', (_, make, message) => {
    expect(() => decorated(make())).toThrow(CacheMethodError);
    expect(() => decorated(make())).toThrow(message);
  });

  it('what contradicts itself is refused where it stands', () => {
    expect(() => decorated(Cacheable(), Cacheable())).toThrow(/Shop\.list: it is said twice/);
    for (const both of [
      [Cacheable(), CacheEvict({ tags: ['a'] })],
      [CacheEvict({ tags: ['a'] }), Cacheable()],
    ])
      expect(() => decorated(...both)).toThrow(/Shop\.list: it is to be cached and to evict/);
    expect(() => decorated(CacheEvict({}))).toThrow(HttpCacheOptionsError);
  });

  it('what is no method of an instance is refused where it stands', () => {
    const on = (decorator: unknown, target: object, descriptor?: PropertyDescriptor) => () =>
      (decorator as Decorator)(target, 'list', descriptor as PropertyDescriptor);
    class Shop {}
    const method = { value: () => {} };
    for (const decorator of [Cacheable(), CacheEvict({ tags: ['a'] })]) {
      expect(on(decorator, Shop, method)).toThrow(/on Shop\.list: it is static/);
      expect(on(decorator, Shop.prototype, { get: () => 1 })).toThrow(/it is not a method/);
      expect(on(decorator, Shop.prototype, undefined)).toThrow(/it is not a method/);
    }
  });

  it('take methods by any name', () => {
    const symbol = Symbol('list');
    class Shop {
      @Cacheable() async toString(): Promise<string> {
        return '';
      }
      @Cacheable() async hasOwnProperty(): Promise<boolean> {
        return true;
      }
      @Cacheable() async ['__proto__'](): Promise<number> {
        return 1;
      }
      @Cacheable({ key: 'symbol' }) async [symbol](): Promise<number> {
        return 1;
      }
    }
    expect(new Set(plansOf(Shop.prototype).keys())).toEqual(
      new Set(['toString', 'hasOwnProperty', '__proto__', symbol]),
    );
  });

  /** What stands here compiles, or does not: the compiler is the test. */
  it('are typed against the method', () => {
    class Right {
      @Cacheable() async plain(id: string): Promise<Product> {
        return product(id);
      }
      @Cacheable({ ttl: '5m', staleTtl: 60, timeout: { soft: 1 }, tags: ['a', model('Product')] })
      async options(id: string): Promise<Product> {
        return product(id);
      }
      @Cacheable({ key: (id: string) => `p:${id}` }) async first(id: string, _at: Date): Promise<Product> {
        return product(id);
      }
      @Cacheable({ key: (id?: string) => id }) async optional(id?: string): Promise<Product> {
        return product(id ?? '');
      }
      @Cacheable({ key: (...ids: string[]) => ids.join() }) async rest(...ids: string[]): Promise<Product> {
        return product(ids.join());
      }
      @Cacheable({ key: (id: string | number) => String(id) }) async wider(id: string): Promise<Product> {
        return product(id);
      }
      @Cacheable({ key: () => 'k' }) async none(id: string): Promise<Product> {
        return product(id);
      }
      @Cacheable({ key: (id: string) => id, tags: (p: Product, id: string) => [p.id, id] })
      async both(id: string): Promise<Product | undefined> {
        return product(id);
      }
      @Cacheable({ tags: ({ id }: Product) => [id] }) promised(id: string): Promise<Product> {
        return Promise.resolve(product(id));
      }
      @Cacheable({ key: 'g' }) async generic<T>(value: T): Promise<T> {
        return value;
      }
      @Cron(CronExpression.EVERY_HOUR) @Cacheable() private async hidden(): Promise<void> {}
      @CacheEvict({ tags: ['a'], keys: ['k'], models: ['Product'] }) async write(): Promise<void> {}
      @CacheEvict(({ id }: Product) => ({ tags: [id] })) async create(name: string): Promise<Product> {
        return product(name);
      }
      @CacheEvict((_: unknown, id: string) => ({ keys: [id] })) async remove(id: string): Promise<void> {
        await this.hidden().then(() => id);
      }
      @CacheEvict({ tags: (ctx) => [String(ctx.query['id'])] }) sync(): number {
        return 1;
      }
    }
    expect(plansOf(Right.prototype).size).toBe(15);

    expect(() => {
      class Wrong {
        // @ts-expect-error its callers would suddenly get a promise
        @Cacheable() sync(): number {
          return 1;
        }
        // @ts-expect-error the key takes a number, the method a string
        @Cacheable({ key: (id: number) => String(id) }) async key(id: string): Promise<string> {
          return id;
        }
        // @ts-expect-error the key takes more than there is
        @Cacheable({ key: (a: string, b: string) => a + b }) async more(a: string): Promise<string> {
          return a;
        }
        // @ts-expect-error the tags are made of another result
        @Cacheable({ tags: (p: Product) => [p.id] }) async tags(): Promise<string> {
          return '';
        }
        // @ts-expect-error the tags take another argument
        @Cacheable({ tags: (_: unknown, n: number) => [String(n)] }) async tagged(
          n: string,
        ): Promise<string> {
          return n;
        }
        // @ts-expect-error a key is not promised
        @Cacheable({ key: async (id: string) => id }) async late(id: string): Promise<string> {
          return id;
        }
        // @ts-expect-error the eviction is made of another result
        @CacheEvict((p: Product) => ({ tags: [p.id] })) async evict(): Promise<string> {
          return '';
        }
        // @ts-expect-error there is no such eviction
        @CacheEvict((made: string) => ({ tag: made })) async evicted(): Promise<string> {
          return '';
        }
        // @ts-expect-error a getter
        @Cacheable() get price(): number {
          return 1;
        }
      }
      return Wrong;
    }).toThrow(/Wrong\.price: it is not a method/);
  });
});
