import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CacheService } from '../../src/index.js';
import type { List, Order, Product, Statistics } from '../../src/flora/tour/ground.js';
import { describeWith } from '../servers/index.js';
import { openTestShop, type TestShop } from './open-test-shop.js';

let shop: TestShop;

const product = (number: number): string => `5eed01${String(number).padStart(18, '0')}`;
const look = async (number: number): Promise<Product> =>
  (await shop.visitor.get<Product>(`/products/${product(number)}`)).body;
const buy = (customer: number, ...lines: { productId: string; quantity: number }[]) =>
  shop.customer(customer).send<Order & { message: string }>('POST', '/orders', { lines });

describeWith(['mongo', 'redis'], 'the flower shop', () => {
  beforeAll(async () => {
    shop = await openTestShop();
  });

  afterAll(() => shop.close());

  describe('the catalogue', () => {
    it('is made from MongoDB for the first visitor and comes from the cache for the second, byte by byte', async () => {
      const path = '/products?category=lilies&sort=price';
      const first = await shop.visitor.get(path);
      const second = await shop.visitor.get(path);
      expect([first.status, first.cache, second.cache]).toEqual([200, 'miss', 'hit']);
      expect(second.text).toBe(first.text);
    });

    it('shows a write to the very next visitor: new, changed, restocked and gone', async () => {
      const path = '/products?category=tulips&perPage=100';
      const page = async (): Promise<Product[]> => (await shop.visitor.get<List<Product>>(path)).body.items;
      const before = await page();
      const tulip = {
        name: 'Semper Augustus Tulips',
        slug: 'semper-augustus-tulips',
        category: 'tulips',
        description: 'Once worth a house on a canal.',
        colours: ['white', 'red'],
        priceCents: 99_900,
        stock: 1,
      };
      const created = await shop.admin.send<Product>('POST', '/products', tulip);
      expect(created.status).toBe(201);
      expect(await page()).toEqual([...before, created.body]);

      const path1 = `/products/${created.body.id}`;
      expect((await shop.visitor.get<Product>(path1)).body).toMatchObject(tulip);
      await shop.admin.send('PATCH', path1, { priceCents: 88_800 });
      await shop.admin.send('POST', `${path1}/restock`, { quantity: 4 });
      const changed = { ...created.body, priceCents: 88_800, stock: 5 };
      expect((await shop.visitor.get(path1)).body).toEqual(changed);
      expect(await page()).toEqual([...before, changed]);

      expect((await shop.admin.send('DELETE', path1)).status).toBe(204);
      expect(await page()).toEqual(before);
      expect((await shop.visitor.get(path1)).status).toBe(404);
    });

    it('filters, sorts and turns pages', async () => {
      const all = (
        await shop.visitor.get<List<Product & { category: string }>>('/products?perPage=100&sort=name')
      ).body;
      expect(all.total).toBe(120);
      const query = '/products?category=roses&minPrice=3000&sort=-price&perPage=3';
      const one = (await shop.visitor.get<List<Product>>(query)).body;
      const two = (await shop.visitor.get<List<Product>>(`${query}&page=2`)).body;
      const prices = [...one.items, ...two.items].map(({ priceCents }) => priceCents);
      expect(prices).toEqual([...prices].sort((a, b) => b - a));
      expect(prices.every((price) => price >= 3_000)).toBe(true);
      expect(one.items.map(({ id }) => id)).not.toContain(two.items[0]?.id);
      const found = await shop.visitor.get<List<Product>>('/products?search=orchid');
      expect(found.body.items.some(({ name }) => name.includes('Orchid'))).toBe(true);
    });

    it.each([
      ['GET', '/products?page=0', 400],
      ['GET', '/products?colour=beige', 400],
      ['GET', '/products?category[$ne]=roses', 400],
      ['GET', '/products?search[$gt]=a', 400],
      ['GET', '/products/rose', 400],
      ['GET', `/products/${product(999_999)}`, 404],
      ['GET', '/categories/no-such/favourites', 404],
      ['GET', `/categories/${'x'.repeat(5_000)}/favourites`, 404],
    ] as const)('%s %s is a %i', async (_, path, status) => {
      expect((await shop.visitor.get(path)).status).toBe(status);
    });

    it('refuses a product that is not one, of no category, or with a slug that is taken', async () => {
      const path = `/products/${product(1)}`;
      const { slug } = (await shop.visitor.get<{ slug: string }>(`/products/${product(2)}`)).body;
      const status = async (body: object): Promise<number> =>
        (await shop.admin.send('PATCH', path, body)).status;
      expect(await status({ priceCents: 12.5 })).toBe(400);
      expect(await status({ priceCents: -1 })).toBe(400);
      expect(await status({ stock: null })).toBe(400);
      expect(await status({ sold: 1_000_000 })).toBe(400);
      expect(await status({ category: 'cars' })).toBe(400);
      expect(await status({ slug })).toBe(409);
      expect((await shop.admin.send('POST', '/products')).status).toBe(400);
    });

    it('lets only the admin write', async () => {
      const restock = { quantity: 1 };
      for (const someone of [shop.visitor, shop.customer(1), shop.visitor.as('sesam'), shop.visitor.as('')]) {
        const answer = await someone.send('POST', `/products/${product(1)}/restock`, restock);
        expect(answer.status).toBe(401);
      }
    });

    it('counts the shelves of every category, and counts anew after a write', async () => {
      const wreaths = async (): Promise<{ products: number } | undefined> =>
        (await shop.visitor.get<{ slug: string; products: number }[]>('/categories')).body.find(
          ({ slug }) => slug === 'wreaths',
        );
      expect(await wreaths()).toMatchObject({ name: 'Wreaths', products: 10 });
      const { items } = (await shop.visitor.get<List<Product>>('/products?category=wreaths')).body;
      await shop.admin.send('PATCH', `/products/${items[0]?.id}`, { category: 'gift-sets' });
      expect(await wreaths()).toMatchObject({ products: 9 });
    });
  });

  describe('customers', () => {
    it('never get one another’s orders, however they come in', async () => {
      const customers = Array.from({ length: 10 }, (_, index) => index + 1);
      const asked = [...customers, ...customers, ...customers, ...customers];
      const answers = await Promise.all(
        asked.map(async (number) => ({ number, answer: await shop.customer(number).get('/me/orders') })),
      );
      for (const number of customers) {
        const own = new Set(answers.filter((one) => one.number === number).map(({ answer }) => answer.text));
        expect(own.size).toBe(1);
      }
      expect(new Set(answers.map(({ answer }) => answer.text)).size).toBe(customers.length);
      const again = await Promise.all(customers.map((number) => shop.customer(number).get('/me/orders')));
      expect(again.map(({ cache }) => cache)).toEqual(customers.map(() => 'hit'));
      expect(again.map(({ text }) => text)).toEqual(
        customers.map((number) => answers.find((one) => one.number === number)?.answer.text),
      );
    });

    it('see their own single orders, and nobody else’s', async () => {
      const { items } = (await shop.customer(1).get<List<Order>>('/me/orders')).body;
      const path = `/me/orders/${items[0]?.id}`;
      expect((await shop.customer(1).get(path)).body).toEqual(items[0]);
      expect((await shop.customer(2).get(path)).status).toBe(404);
      expect((await shop.customer(2).send('POST', `${path}/cancel`)).status).toBe(404);
    });

    it('sign in with an address, and not without', async () => {
      const me = (await shop.customer(7).get<{ number: number; email: string }>('/me')).body;
      expect(me.number).toBe(7);
      const signedIn = await shop.visitor.send('POST', '/sign-in', { email: me.email.toUpperCase() });
      expect(signedIn.body).toEqual({ token: 'demo-7' });
      expect((await shop.visitor.send('POST', '/sign-in', { email: 'nobody@example.com' })).status).toBe(401);
      expect((await shop.visitor.send('POST', '/sign-in', { email: { $ne: '' } })).status).toBe(400);
      const strangers = ['demo-0', 'demo-41', 'demo-1e0', 'demo-', 'sesame'].map((token) =>
        shop.visitor.as(token),
      );
      const answers = await Promise.all(strangers.map((stranger) => stranger.get('/me')));
      expect(answers.map(({ status }) => status)).toEqual(strangers.map(() => 401));
    });
  });

  describe('an order', () => {
    it('takes its pieces from stock, is in the list at once, and counts in the statistics', async () => {
      const before = await look(20);
      const orders = (await shop.visitor.get<Statistics>('/statistics')).body.orders;
      await shop.customer(11).get('/me/orders');
      const order = await buy(
        11,
        { productId: product(20), quantity: 2 },
        { productId: product(20), quantity: 1 },
      );
      expect(order.status).toBe(201);
      expect(order.body.totalCents).toBe(3 * before.priceCents);
      expect(order.body.lines).toHaveLength(1);
      expect((await look(20)).stock).toBe(before.stock - 3);
      const list = (await shop.customer(11).get<List<Order>>('/me/orders')).body;
      expect(list.items[0]).toEqual(order.body);
      expect((await shop.visitor.get<Statistics>('/statistics')).body.orders).toBe(orders + 1);
    });

    it('is all or nothing: one line that is not in stock, and nothing was bought', async () => {
      await shop.admin.send('PATCH', `/products/${product(22)}`, { stock: 1 });
      const before = [await look(21), await look(22)];
      const list = (await shop.customer(12).get('/me/orders')).text;
      const lines = [
        { productId: product(21), quantity: 1 },
        { productId: product(22), quantity: 2 },
      ];
      const refused = await buy(12, ...lines);
      expect(refused.status).toBe(409);
      expect(refused.body.message).toContain('Only 1 of');
      expect([await look(21), await look(22)]).toEqual(before);
      expect((await shop.customer(12).get('/me/orders')).text).toBe(list);
    });

    it('sells five pieces five times, though twenty customers want one at once', async () => {
      await shop.admin.send('PATCH', `/products/${product(23)}`, { stock: 5 });
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) => buy(index + 1, { productId: product(23), quantity: 1 })),
      );
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status === 201)).toHaveLength(5);
      expect(statuses.filter((status) => status === 409)).toHaveLength(15);
      expect((await look(23)).stock).toBe(0);
    });

    it('can be called off once, and its pieces come back', async () => {
      const before = await look(24);
      const order = await buy(13, { productId: product(24), quantity: 1 });
      const path = `/me/orders/${order.body.id}/cancel`;
      const called = await shop.customer(13).send<{ status: string }>('POST', path);
      expect([called.status, called.body.status]).toEqual([200, 'cancelled']);
      expect(await look(24)).toEqual(before);
      expect((await shop.customer(13).send('POST', path)).status).toBe(409);
      expect(await look(24)).toEqual(before);
    });

    it.each([
      [{}],
      [{ lines: [] }],
      [{ lines: [{ productId: 'rose', quantity: 1 }] }],
      [{ lines: [{ productId: product(1), quantity: 0 }] }],
      [{ lines: [{ productId: product(1), quantity: 1.5 }] }],
      [{ lines: [{ productId: product(1), quantity: 1, unitPriceCents: 1 }] }],
    ])('is refused when it is %j', async (body) => {
      expect((await shop.customer(1).send('POST', '/orders', body)).status).toBe(400);
    });
  });

  describe('a cart', () => {
    const total = (number: number) =>
      shop.customer(number).get<{ totalCents: number; from: string }>('/cart/total');
    const put = (number: number, what: number, quantity: number) =>
      shop.customer(number).send<{ totalCents: number }>('PUT', `/cart/lines/${product(what)}`, { quantity });

    it('is counted in the cache, each customer’s by itself', async () => {
      await put(15, 30, 3);
      const cart = await put(15, 31, 1);
      await put(15, 30, 1);
      const sum = (await look(30)).priceCents + (await look(31)).priceCents;
      expect((await total(15)).body).toEqual({ totalCents: sum, from: 'counter' });
      expect(cart.body.totalCents).toBe(sum + 2 * (await look(30)).priceCents);
      expect((await total(16)).body.totalCents).toBe(0);
      await shop.customer(15).send('DELETE', `/cart/lines/${product(30)}`);
      expect((await total(15)).body).toEqual({ totalCents: (await look(31)).priceCents, from: 'counter' });
    });

    it('is added up rightly when one customer changes it in many windows at once', async () => {
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          index % 3 === 2
            ? shop.customer(17).send('DELETE', `/cart/lines/${product(40 + index - 1)}`)
            : put(17, 40 + index, index + 1),
        ),
      );
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      const cart = (await shop.customer(17).get<{ totalCents: number }>('/cart')).body;
      expect((await total(17)).body).toEqual({ totalCents: cart.totalCents, from: 'counter' });
    });

    it('asks MongoDB while the counter is lost, and counts again from the next change on', async () => {
      await put(18, 32, 2);
      const cache = shop.app.get(CacheService);
      expect(await cache.clearPattern('cart-total:*18')).toBe(1);
      expect((await total(18)).body).toEqual({
        totalCents: 2 * (await look(32)).priceCents,
        from: 'mongodb',
      });
      await put(18, 32, 3);
      expect((await total(18)).body).toEqual({
        totalCents: 3 * (await look(32)).priceCents,
        from: 'counter',
      });
    });

    it('is bought as a whole and empty afterwards', async () => {
      await put(19, 33, 1);
      await put(19, 34, 1);
      const order = await shop.customer(19).send<Order>('POST', '/cart/checkout');
      expect([order.status, order.body.lines.length]).toEqual([201, 2]);
      expect((await total(19)).body).toEqual({ totalCents: 0, from: 'counter' });
      expect((await shop.customer(19).send('POST', '/cart/checkout')).status).toBe(409);
    });

    it('stays as it was when it can’t be bought', async () => {
      await put(20, 35, 1);
      await shop.admin.send('PATCH', `/products/${product(35)}`, { stock: 0 });
      const before = (await shop.customer(20).get('/cart')).body;
      expect((await shop.customer(20).send('POST', '/cart/checkout')).status).toBe(409);
      expect((await shop.customer(20).get('/cart')).body).toEqual(before);
      expect((await total(20)).body.totalCents).toBe((await look(35)).priceCents);
    });
  });

  it('adds the statistics up once for all who ask at once', async () => {
    await shop.admin.send('POST', `/products/${product(50)}/restock`, { quantity: 1 });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => shop.visitor.get<Statistics>('/statistics')),
    );
    expect(new Set(answers.map(({ body }) => body.computedAt)).size).toBe(1);
  });

  it('describes every route at /docs', async () => {
    const { body } = await shop.visitor.get<{ paths: Record<string, Record<string, { summary?: string }>> }>(
      '/docs-json',
    );
    const routes = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { summary }]) => {
        expect(summary, `${method} ${path}`).toBeTruthy();
        return `${method.toUpperCase()} ${path}`;
      }),
    );
    expect(routes.sort()).toEqual([
      'DELETE /admin/cache',
      'DELETE /cart/lines/{productId}',
      'DELETE /products/{id}',
      'GET /',
      'GET /admin/backups',
      'GET /admin/cache',
      'GET /cart',
      'GET /cart/total',
      'GET /categories',
      'GET /categories/{slug}/favourites',
      'GET /health',
      'GET /me',
      'GET /me/orders',
      'GET /me/orders/{id}',
      'GET /products',
      'GET /products/{id}',
      'GET /statistics',
      'PATCH /products/{id}',
      'POST /admin/backups',
      'POST /admin/backups/cleanup',
      'POST /admin/backups/{id}/restore',
      'POST /admin/backups/{id}/verify',
      'POST /cart/checkout',
      'POST /me/orders/{id}/cancel',
      'POST /orders',
      'POST /products',
      'POST /products/{id}/restock',
      'POST /sign-in',
      'PUT /cart/lines/{productId}',
    ]);
    expect((await shop.visitor.get('/docs')).status).toBe(200);
  });

  it('greets with a page that loads nothing from elsewhere', async () => {
    const { status, text } = await shop.visitor.get('/');
    expect(status).toBe(200);
    expect(text).toContain(`localhost:${new URL(shop.url).port}/products`);
    expect(text).not.toMatch(/(src|href)="(https?:)?\/\//);
  });

  it('says that it is well', async () => {
    const { status, body } = await shop.visitor.get('/health');
    expect([status, body]).toEqual([200, { status: 'ok', mongodb: 'up', redis: 'up' }]);
  });
});
