import { setTimeout as sleep } from 'node:timers/promises';
import { slowest } from './catalogue.steps.js';
import { type CartTotal, firstRose, type Ground, type List, type Product, ROSES } from './ground.js';
import type { Walk } from './guide.js';
import { OwnRedis } from './own-redis.js';

const HANGS = 'Redis hangs: the shop answers, and a write meanwhile is not forgotten';
const KILLED = 'Redis is killed: the shop answers, and a write meanwhile is seen at once';
const BACK = 'Redis is back: nothing old comes back with it';
const LONGEST_WAIT = 30_000;

/** Redis away and back, in the two ways it can go. */
export async function outageSteps(ground: Ground): Promise<void> {
  const { guide, redis } = ground;
  if (!(redis instanceof OwnRedis)) {
    for (const promise of [HANGS, KILLED, BACK]) guide.skip(promise, redis.missing);
    return;
  }
  await guide.step(HANGS, async (walk) => {
    await redis.freeze();
    try {
      await goOn(ground, walk);
    } finally {
      await redis.thaw();
    }
    await comeBack(ground, walk);
  });
  await guide.step(KILLED, async (walk) => {
    await redis.kill();
    await goOn(ground, walk);
  });
  await guide.step(BACK, async (walk) => {
    await redis.comeBack();
    await comeBack(ground, walk);
  });
}

/** Without Redis: pages, a write, and a cart. */
async function goOn({ visitor, ada, admin }: Ground, { note, expect }: Walk): Promise<void> {
  const answers = await Promise.all(
    [ROSES, '/products', '/categories', '/statistics'].map((path) => visitor.get(path)),
  );
  expect(
    'the answers',
    answers.map(({ status }) => status),
    [200, 200, 200, 200],
  );

  const rose = await firstRose(visitor);
  const price = rose.priceCents + 100;
  const write = await admin.send('PATCH', `/products/${rose.id}`, { priceCents: price });
  expect('a write', write.status, 200);
  expect('the price on the page after it', (await firstRose(visitor)).priceCents, price);

  const other = (await visitor.get<List<Product>>('/products?category=tulips&inStock=true')).body.items[0];
  const put = await ada.send('PUT', `/cart/lines/${other?.id}`, { quantity: 2 });
  expect('a change of a cart', put.status, 200);
  const total = { totalCents: 2 * (other?.priceCents ?? 0), from: 'mongodb' };
  expect('its total', (await ada.get<CartTotal>('/cart/total')).body, total);
  note(
    `slowest page ${slowest(answers)} ms, the write ${write.milliseconds} ms; ` +
      `the cart's total comes from MongoDB meanwhile`,
  );
}

/** What was written without Redis holds once it answers again, and the counter counts again. */
async function comeBack({ visitor, ada, database }: Ground, { note, expect }: Walk): Promise<void> {
  const begun = performance.now();
  for (;;) {
    const { body } = await visitor.get<{ redis: string }>('/health');
    if (body.redis === 'up') break;
    if (performance.now() - begun > LONGEST_WAIT) expect('Redis', body.redis, 'up');
    await sleep(50);
  }
  const found = Math.round(performance.now() - begun);
  const rose = await firstRose(visitor);
  expect('the price on the page', rose.priceCents, await database.priceOf(rose.id));
  const page = await visitor.get(ROSES);
  expect('the page after that', page.cache, 'hit');

  const cart = await ada.get<{ lines: { productId: string }[] }>('/cart');
  await ada.send('DELETE', `/cart/lines/${cart.body.lines[0]?.productId}`);
  expect('the cart', (await ada.get<CartTotal>('/cart/total')).body, { totalCents: 0, from: 'counter' });
  note(`found again within ${found} ms; pages are hits again, the cart is counted again`);
}
