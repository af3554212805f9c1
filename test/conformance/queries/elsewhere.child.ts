// What `elsewhere.ts` starts: the same cache and models in a process of their own.
import type { Order, Report } from './elsewhere.js';
import { productSchema, supplierSchema } from './models.js';
import type { AnyModel, Askable, CacheUnderTest } from './query-cache.js';

const { module, variant, mongoUri, directRedisUrl, namespace } = JSON.parse(
  process.argv[2] as string,
) as Record<'module' | 'variant' | 'mongoUri' | 'directRedisUrl' | 'namespace', string>;

process.on('disconnect', () => process.exit());
const { cacheUnderTest } = (await import(module)) as { cacheUnderTest: (variant: string) => CacheUnderTest };
const cache = await cacheUnderTest(variant).open({ redisUrl: directRedisUrl, namespace });
const connection = await cache.connect(mongoUri);
const models: Record<string, AnyModel> = {
  Supplier: cache.model(connection, 'Supplier', supplierSchema(cache.mongoose)),
  Product: cache.model(connection, 'Product', productSchema(cache.mongoose)),
};
let reads = 0;
connection.getClient().on('commandStarted', ({ commandName }) => {
  if (['find', 'aggregate', 'count', 'distinct'].includes(commandName)) reads += 1;
});
process.on('message', (order: Order) => void run(order).then((report) => process.send?.(report)));
process.send?.({ answers: [], reads: 0 } satisfies Report);

async function run({ model, method, args, cached, lean, times = 1 }: Order): Promise<Report> {
  const before = reads;
  try {
    const answers = await Promise.all(
      Array.from({ length: times }, async () => {
        const call = models[model]?.[method as keyof AnyModel] as (...args: unknown[]) => Askable<unknown>;
        const query = call.apply(models[model], [...args]);
        if (lean) (query as unknown as { lean(): unknown }).lean();
        return cached ? cache.ask(query) : query;
      }),
    );
    return { answers: JSON.parse(JSON.stringify(answers)) as unknown[], reads: reads - before };
  } catch (error) {
    return { answers: [], reads: reads - before, error: String(error) };
  }
}
