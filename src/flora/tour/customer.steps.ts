import {
  type CartTotal,
  firstRose,
  type Ground,
  type List,
  type Order,
  type Product,
  ROSES,
  type Statistics,
} from './ground.js';
import type { Visitor } from './visitor.js';

/** Answers that belong to someone, counters, and transactions. */
export async function customerSteps({ guide, visitor, ada, ben, admin, database }: Ground): Promise<void> {
  await guide.step('Two customers ask for one page, and each gets their own', async ({ note, expect }) => {
    const hers = await ada.get<List<Order>>('/me/orders?perPage=100');
    const his = await ben.get<List<Order>>('/me/orders?perPage=100');
    expect('their first answers', [hers.cache, his.cache], ['miss', 'miss']);
    const hersAgain = await ada.get('/me/orders?perPage=100');
    const hisAgain = await ben.get('/me/orders?perPage=100');
    expect('their second answers', [hersAgain.cache, hisAgain.cache], ['hit', 'hit']);
    expect('her bytes', hersAgain.text, hers.text);
    expect('his bytes', hisAgain.text, his.text);
    expect('her orders', ids(hers.body.items), (await database.ordersOf(1)).sort());
    expect('his orders', ids(his.body.items), (await database.ordersOf(2)).sort());
    expect('someone who is not signed in', (await visitor.get('/me/orders?perPage=100')).status, 401);
    note(`${hers.body.total} orders of customer 1, ${his.body.total} of customer 2, none of them mixed up`);
  });

  await guide.step('A cart is added up by a counter in the cache', async ({ note, expect }) => {
    const [one, two] = (await visitor.get<List<Product>>(`${ROSES}&inStock=true`)).body.items as [
      Product,
      Product,
    ];
    await ada.send('PUT', `/cart/lines/${one.id}`, { quantity: 3 });
    await ada.send('PUT', `/cart/lines/${two.id}`, { quantity: 1 });
    await ada.send('PUT', `/cart/lines/${one.id}`, { quantity: 1 });
    const total = await ada.get<CartTotal>('/cart/total');
    expect('the total', total.body, { totalCents: one.priceCents + two.priceCents, from: 'counter' });
    expect('the total of the other customer', (await ben.get<CartTotal>('/cart/total')).body.totalCents, 0);
    note(`${total.body.totalCents} cents, read in ${total.milliseconds} ms`);
  });

  await guide.step(
    'An order and its stock are one transaction, and every page knows',
    async ({ note, expect }) => {
      const sold = (await ada.get<Order>('/cart')).body.lines[0]?.productId ?? '';
      const stock = async (): Promise<number> => (await visitor.get<Product>(`/products/${sold}`)).body.stock;
      const before = [
        await stock(),
        await ordersInAll(visitor),
        (await ben.get('/me/orders?perPage=100')).text,
      ] as const;

      const order = await ada.send<Order>('POST', '/cart/checkout');
      expect('the order', order.status, 201);
      expect('pieces left', await stock(), before[0] - 1);
      expect('orders in the statistics', await ordersInAll(visitor), before[1] + 1);
      const newest = (await ada.get<List<Order>>('/me/orders')).body.items[0];
      expect('her newest order', newest, order.body);
      expect('his orders', (await ben.get('/me/orders?perPage=100')).text, before[2]);
      expect('her cart', (await ada.get<CartTotal>('/cart/total')).body, { totalCents: 0, from: 'counter' });
      note(`bought for ${order.body.totalCents} cents in ${order.milliseconds} ms`);
    },
  );

  await guide.step('Two customers want the last piece, and one gets it', async ({ note, expect }) => {
    const rose = await firstRose(visitor);
    await admin.send('PATCH', `/products/${rose.id}`, { stock: 1 });
    const wanted = { lines: [{ productId: rose.id, quantity: 1 }] };
    const answers = await Promise.all([ada, ben].map((customer) => customer.send('POST', '/orders', wanted)));
    expect('their answers', answers.map(({ status }) => String(status)).sort(), ['201', '409']);
    expect('pieces left', (await firstRose(visitor)).stock, 0);
    note(answers.find(({ status }) => status === 409)?.text ?? '');
  });
}

const ordersInAll = async (visitor: Visitor): Promise<number> =>
  (await visitor.get<Statistics>('/statistics')).body.orders;

const ids = (orders: readonly Order[]): string[] => orders.map(({ id }) => id).sort();
