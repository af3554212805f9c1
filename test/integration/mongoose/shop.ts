import mongoose, { type Connection, type Model } from 'mongoose';
import { createCache, type CacheService } from '../../../src/cache/cache.service.js';
import type { CacheModuleOptions } from '../../../src/cache/cache.options.js';
import {
  MongooseCachePlugin,
  type MongooseCacheOptions,
} from '../../../src/cache/mongoose/mongoose-cache.plugin.js';
import { mongo, redis } from '../../servers/index.js';

export interface Product {
  name: string;
  category?: string;
  price?: number;
  cost?: mongoose.Types.Decimal128;
  soldAt?: Date;
  picture?: Buffer;
  sizes: { label?: string; stems?: number }[];
  attributes?: Map<string, string>;
  supplier?: mongoose.Types.ObjectId | { name: string };
  cache?: string;
}

export const productSchema = () =>
  new mongoose.Schema<Product>({
    name: { type: String, required: true },
    category: String,
    price: Number,
    cost: mongoose.Schema.Types.Decimal128,
    soldAt: Date,
    picture: Buffer,
    sizes: [{ label: String, stems: Number }],
    attributes: { type: Map, of: String },
    supplier: { type: mongoose.Schema.Types.ObjectId, ref: 'Supplier' },
    cache: String,
  });
export const supplierSchema = () => new mongoose.Schema({ name: String });

export interface Shop {
  uri: string;
  cache: CacheService;
  plugin: MongooseCachePlugin;
  connection: Connection;
  Product: Model<Product>;
  Supplier: Model<{ name?: string | null }>;
  /** Commands that read, sent to the database by this connection so far. */
  reads: () => number;
  /** How many of them `work` took. */
  readsOf: (work: () => unknown) => Promise<number>;
  close: () => Promise<void>;
}

export interface ShopOptions {
  uri?: string;
  cache?: CacheModuleOptions;
  plugin?: MongooseCacheOptions;
  mongoose?: mongoose.ConnectOptions;
}

const READS = new Set(['find', 'aggregate', 'count', 'distinct', 'getMore']);

/** A connection of its own to a database of its own, attached to a cache of its own. */
export async function openShop(options: ShopOptions = {}): Promise<Shop> {
  const uri = options.uri ?? mongo();
  const { url, namespace } = redis();
  const cache = await createCache({ redis: { url }, namespace, jitter: 0, ...options.cache });
  const plugin = new MongooseCachePlugin(cache, options.plugin);
  const connection = plugin.attach(mongoose.createConnection());
  const Product = connection.model<Product>('Product', productSchema());
  const Supplier = connection.model<{ name?: string | null }>('Supplier', supplierSchema());
  await connection.openUri(uri, {
    monitorCommands: true,
    autoIndex: false,
    autoCreate: false,
    ...options.mongoose,
  });
  let reads = 0;
  connection.getClient().on('commandStarted', ({ commandName, command }) => {
    if (READS.has(commandName) && !isWriteOrProbe(command)) reads += 1;
  });
  return {
    uri,
    cache,
    plugin,
    connection,
    Product,
    Supplier,
    reads: () => reads,
    readsOf: async (work) => {
      const before = reads;
      await work();
      return reads - before;
    },
    close: async () => {
      plugin.detach();
      await connection.close();
      await cache.close();
    },
  };
}

const isWriteOrProbe = ({ pipeline }: { pipeline?: Record<string, unknown>[] }): boolean =>
  Boolean(pipeline?.at(-1)?.$out ?? pipeline?.at(-1)?.$merge);
