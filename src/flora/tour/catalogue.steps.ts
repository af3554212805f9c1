import {
  type CacheStats,
  firstRose,
  type Ground,
  type List,
  type Product,
  ROSES,
  type Statistics,
} from './ground.js';

/** Pages, queries and values that are cached, and fresh after a write. */
export async function catalogueSteps({ guide, visitor, admin }: Ground): Promise<void> {
  await guide.step('The first visitor waits for MongoDB, the second does not', async ({ note, expect }) => {
    const miss = await visitor.get<List<Product>>(ROSES);
    expect('the first answer', [miss.status, miss.cache], [200, 'miss']);
    const hit = await visitor.get<List<Product>>(ROSES);
    expect('the second answer', [hit.status, hit.cache], [200, 'hit']);
    expect('its bytes', hit.text, miss.text);
    note(`miss ${miss.milliseconds} ms, hit ${hit.milliseconds} ms (Cache-Status: ${hit.cacheStatus})`);
  });

  await guide.step('A new price is on the page with the next visitor', async ({ note, expect }) => {
    const rose = await firstRose(visitor);
    const price = rose.priceCents + 100;
    const write = await admin.send('PATCH', `/products/${rose.id}`, { priceCents: price });
    expect('the write', write.status, 200);
    const page = await visitor.get<List<Product>>(ROSES);
    expect('the page after it', page.cache, 'miss');
    expect('the price on it', page.body.items[0]?.priceCents, price);
    expect('the page after that', (await visitor.get(ROSES)).cache, 'hit');
    note(`"${rose.name}": ${rose.priceCents} → ${price} cents`);
  });

  await guide.step('A write to one product leaves the cached others alone', async ({ note, expect }) => {
    const { body } = await visitor.get<List<Product>>(ROSES);
    const [one, other] = body.items as [Product, Product];
    for (const { id } of [one, other]) await visitor.get(`/products/${id}`);
    await admin.send('POST', `/products/${one.id}/restock`, { quantity: 7 });

    const before = await admin.get<CacheStats>('/admin/cache');
    const untouched = await visitor.get<Product>(`/products/${other.id}`);
    const after = await admin.get<CacheStats>('/admin/cache');
    expect('the other product', untouched.body, other);
    expect('queries that went to MongoDB for it', after.body.misses - before.body.misses, 0);
    const restocked = await visitor.get<Product>(`/products/${one.id}`);
    expect('the stock of the written one', restocked.body.stock, one.stock + 7);
    note(`"${other.name}" still from the cache, "${one.name}" fresh`);
  });

  await guide.step(
    'Twenty visitors at once, and the statistics are added up once',
    async ({ note, expect }) => {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => visitor.get<Statistics>('/statistics')),
      );
      expect('their answers', new Set(answers.map(({ status }) => status)).size, 1);
      expect('computations', new Set(answers.map(({ body }) => body.computedAt)).size, 1);
      const again = await visitor.get<Statistics>('/statistics');
      expect('one more later', again.body.computedAt, answers[0]?.body.computedAt);
      note(
        `${again.body.orders} orders; the slowest waited ${slowest(answers)} ms, a later one ${again.milliseconds} ms`,
      );
    },
  );
}

export const slowest = (answers: readonly { milliseconds: number }[]): number =>
  Math.max(...answers.map(({ milliseconds }) => milliseconds));
