import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { Controller, Injectable, Post } from '@nestjs/common';
import mongoose from 'mongoose';
import request from 'supertest';
import { describe, expect, it, vi } from 'vitest';
import { Cacheable, CacheEvict, CacheMethodError, CacheService, model } from '../../../src/index.js';
import { describeWith, redis } from '../../servers/index.js';
import { MEMORY, start } from './method-apps.js';

type Class<T> = abstract new (...args: never[]) => T;

/** The one provider of an application, and its cache. */
async function provided<T>(type: Class<T>, options = MEMORY): Promise<{ it: T; cache: CacheService }> {
  const app = await start({ providers: [type as never] }, options);
  return { it: app.get<T>(type), cache: app.get(CacheService) };
}

function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

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
    const { it: prices } = await provided(Prices);
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
    const { it: prices, cache } = await provided(Prices);
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
    const { it: labels, cache } = await provided(Labels);
    expect(await labels.label('a')).toBe('label of a');
    expect(await labels.label('b')).toBe('label of b');
    expect(await labels.label()).toBe('label of undefined');
    expect(await cache.has('label')).toBe(true);
    expect(await cache.has('label("a")')).toBe(true);
  });

  it('a key function that gives undefined bypasses the cache', async () => {
    const { it: prices } = await provided(Prices);
    expect(await prices.named(undefined)).toBe(100);
    expect(await prices.named(undefined)).toBe(200);
    expect(await prices.named('x')).toBe(201);
    expect(await prices.named('x')).toBe(201);
  });

  it('null is a value, undefined is not stored', async () => {
    const { it: prices } = await provided(Prices);
    expect([await prices.nil(), await prices.nil(), prices.runs]).toEqual([null, null, 1]);
    expect([await prices.nothing(), await prices.nothing(), prices.runs]).toEqual([undefined, undefined, 3]);
  });

  it('tags, models and tags of the result drop what they mark', async () => {
    const { it: prices, cache } = await provided(Prices);
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
    const { it: prices } = await provided(Prices);
    const results = await Promise.all(Array.from({ length: 300 }, () => prices.price('r1')));
    expect(new Set(results)).toEqual(new Set(['p:r1:false:1']));
    const failures = await Promise.allSettled(Array.from({ length: 300 }, () => prices.failing()));
    expect(failures.every(({ status }) => status === 'rejected')).toBe(true);
    expect(prices.failures).toBe(1);
    await expect(prices.failing()).rejects.toThrow('no price 2');
  });

  it('calls by this go through the cache too', async () => {
    const { it: prices } = await provided(Prices);
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
    const { it: slow } = await provided(Slow);
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
    const { it: lists } = await provided(Lists);
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
    const { it: lists } = await provided(Lists);
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
    const { it: lists, cache } = await provided(Lists);
    const query = { page: 1 };
    const first = lists.list(query);
    query.page = 2;
    await first;
    expect(await cache.has('page:1')).toBe(false);
    expect(await lists.list({ page: 1 })).toBe(1);
  });

  it('tags that are no list are a clear error: nothing would ever drop the entry', async () => {
    class Tagged {
      @Cacheable({ tags: () => 'abc' as never }) async load(): Promise<number> {
        return 1;
      }
    }
    await expect((await provided(Tagged)).it.load()).rejects.toThrow(
      /^Tagged\.load: the function tags of @Cacheable gave "abc"; expected a list/,
    );
  });

  it('arguments that make no key are a clear error, and do not run the method', async () => {
    const { it: prices } = await provided(Prices);
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
    const { it: finder } = await provided(Finder);
    const id = new mongoose.Types.ObjectId();
    expect(await finder.find(id)).toBe(1);
    expect(await finder.find(new mongoose.Types.ObjectId(id.toHexString()))).toBe(1);
    expect(await finder.find(id.toHexString())).toBe(2);
    expect(await finder.find({ id })).toBe(3);
  });

  it('what runs only when it is awaited, like a query of Mongoose, is awaited once', async () => {
    let runs = 0;
    // oxlint-disable-next-line unicorn/no-thenable -- a query is one
    const query = () => ({ then: (resolve: (value: number) => void) => resolve((runs += 1)) });
    class Queries {
      @(Cacheable({ ttl: 60 }) as MethodDecorator) find() {
        return query();
      }
      @CacheEvict({ tags: ['a'] }) remove() {
        return query();
      }
    }
    const { it: queries } = await provided(Queries);
    expect([await queries.find(), await queries.find(), await queries.remove(), runs]).toEqual([1, 1, 2, 2]);
  });

  it('a method that returns no promise is a clear error', async () => {
    class Sync {
      @(Cacheable() as MethodDecorator) now(): number {
        return 1;
      }
      @CacheEvict({ keys: ['k'] }) write(): void {}
    }
    const { it: sync, cache } = await provided(Sync);
    await cache.set('k', 1);
    await expect(sync.now()).rejects.toThrow(/^Sync\.now: it returned no promise; expected an async method/);
    // What it wrote it wrote: the cache must not say otherwise.
    await expect(sync.write()).rejects.toThrow(/^Sync\.write: it returned no promise/);
    expect(await cache.has('k')).toBe(false);
  });
});

describe('@CacheEvict on a provider', () => {
  it('drops tags, keys and models before the caller has the result', async () => {
    const { it: prices, cache } = await provided(Prices);
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
    const { it: prices, cache } = await provided(Prices);
    await prices.all();
    await expect(prices.raiseAndFail()).rejects.toThrow('too dear');
    expect(await cache.has('all')).toBe(true);
  });

  it('a function is given result and arguments', async () => {
    const { it: prices, cache } = await provided(Prices);
    await Promise.all([prices.tagged(1), prices.tagged(2), cache.set('page-of:1', 1)]);
    expect(await prices.rename(1)).toBe('r1');
    expect(await cache.has('Prices.tagged(1)')).toBe(false);
    expect(await cache.has('page-of:1')).toBe(false);
    expect(await cache.has('Prices.tagged(2)')).toBe(true);
  });

  it('an eviction that can not be made fails neither the write nor the others', async () => {
    const { it: prices, cache } = await provided(Prices);
    await prices.all();
    expect(await prices.half()).toBe('written');
    expect(await cache.has('all')).toBe(false);
  });

  it('takes a list for a list only, and a promise of one too', async () => {
    class Shop {
      @CacheEvict(() => ({ keys: 'k' as never })) async text(): Promise<void> {}
      @CacheEvict(() => ({ key: ['k'] }) as never) async misspelt(): Promise<void> {}
      @CacheEvict(async () => ({ keys: ['k'] })) async later(): Promise<void> {}
    }
    const { it: shop, cache } = await provided(Shop);
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
    const { it: shop } = await provided(Shop);
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
    const { it: prices } = await provided(Prices, {
      redis: { url: 'redis://127.0.0.1:1' },
      namespace: SHARED().namespace,
    });
    expect(await prices.price('r1')).toMatch(/^p:r1/);
    expect(await prices.raise()).toBe('raised');
    await expect(prices.failing()).rejects.toThrow('no price');
  });

  it('a write is not said to have failed because the cache has', async () => {
    const { it: prices } = await provided(Prices, {
      redis: { url: 'redis://127.0.0.1:1' },
      namespace: SHARED().namespace,
      onOutage: 'throw',
    });
    expect(await prices.raise()).toBe('raised');
    expect(await prices.rename(1)).toBe('r1');
  });
});
