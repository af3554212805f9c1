import { Body, Controller, Get, Post } from '@nestjs/common';
import { InjectModel, MongooseModule } from '@nestjs/mongoose';
import { createConnection, Schema, type Connection, type Model } from 'mongoose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CacheTags, CacheTTL } from '../../../src/cache/http/http-cache.decorators.js';
import { HttpCache } from '../../../src/cache/http/http-cache.middleware.js';
import { MongooseCachePlugin } from '../../../src/cache/mongoose/mongoose-cache.plugin.js';
import { model } from '../../../src/cache/tags.js';
import { describeWith, mongo } from '../../servers/index.js';
import { PLATFORMS, startApp, type Platform, type Running } from './fixtures.js';

interface Product {
  name: string;
}

@Controller('products')
class ProductsController {
  constructor(@InjectModel('Product') readonly products: Model<Product>) {}

  @Get() @CacheTTL(60) @CacheTags(model('Product')) async page() {
    return { names: (await this.products.find().sort('name').lean()).map(({ name }) => name) };
  }
  @Get('queried') async queried() {
    const found = await this.products.find().sort('name').cache({ ttl: 60, key: 'all' }).lean();
    return { names: found.map(({ name }) => name) };
  }
  @Post() async create(@Body() body: Product) {
    await this.products.create(body);
    return {};
  }
  /** Past Mongoose, as another program would: only the middleware knows. */
  @Post('elsewhere') elsewhere() {
    return { ok: true };
  }
}

describeWith('mongo', 'Pages of a Mongoose model', () => {
  const apps = new Map<Platform, Running>();
  beforeAll(async () => {
    for (const platform of PLATFORMS) {
      const app = await startApp(platform, [ProductsController], {
        metadata: {
          imports: [
            MongooseModule.forRootAsync({
              inject: [MongooseCachePlugin],
              useFactory: (cache: MongooseCachePlugin) => ({
                uri: mongo(),
                connectionFactory: (connection: Connection) => cache.attach(connection),
              }),
            }),
            MongooseModule.forFeature([{ name: 'Product', schema: new Schema<Product>({ name: String }) }]),
          ],
        },
        prepare: (nest) => {
          const { clearModelCacheAfter } = nest.get(HttpCache);
          nest.use('/products/elsewhere', clearModelCacheAfter('Product'));
        },
      });
      apps.set(platform, app);
    }
  });
  afterAll(async () => {
    for (const app of apps.values()) await app.close();
  });

  const names = async (app: Running, path: string) =>
    (JSON.parse((await app.ask(path)).text) as { names: string[] }).names;

  it.each(PLATFORMS)('are fresh on %s for whoever has the answer to a write', async (platform) => {
    const app = apps.get(platform) as Running;
    expect(await names(app, '/products')).toEqual([]);
    expect((await app.ask('/products')).cache).toBe('hit');
    for (const name of ['Aster', 'Dahlia', 'Rose']) {
      const before = await names(app, '/products');
      const body = JSON.stringify({ name });
      await app.ask('/products', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
      expect(await names(app, '/products')).toEqual([...before, name]);
    }
  });

  it.each(PLATFORMS)('and clearModelCacheAfter drops them with the queries on %s', async (platform) => {
    const app = apps.get(platform) as Running;
    const { products } = app.app.get(ProductsController);
    await names(app, '/products');
    await names(app, '/products/queried');
    // A client of its own, which the plugin does not see.
    const { host, port, name } = products.db;
    const other = await createConnection(`mongodb://${host}:${port}/?directConnection=true`).asPromise();
    await other.useDb(name).collection<Product>('products').insertOne({ name: 'Zinnia' });
    await other.close();
    expect(await names(app, '/products')).not.toContain('Zinnia');
    expect(await names(app, '/products/queried')).not.toContain('Zinnia');
    expect((await app.ask('/products/elsewhere', { method: 'POST' })).status).toBe(201);
    expect(await names(app, '/products')).toContain('Zinnia');
    expect(await names(app, '/products/queried')).toContain('Zinnia');
  });
});
