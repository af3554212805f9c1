import { EventEmitter } from 'node:events';
import type { CacheService } from '../cache.service.js';

/** What Keyv wraps a value in. */
interface Stored {
  value: unknown;
  /** Milliseconds since the epoch. */
  expires?: number;
}

/** Keyv's storage adapter over a namespace of the cache. Keyv speaks milliseconds. */
export class KeyvStore extends EventEmitter {
  readonly opts = {};
  namespace?: string | undefined;

  constructor(private readonly cache: CacheService) {
    super();
  }

  async get(key: string): Promise<Stored | undefined> {
    return this.cache.get<Stored>(key);
  }

  async getMany(keys: string[]): Promise<(Stored | undefined)[]> {
    const found = await this.cache.getMany<Stored>(keys);
    return keys.map((key) => found.get(key));
  }

  async set(key: string, stored: Stored, ttl?: number): Promise<boolean> {
    await this.cache.set(key, stored, ttl === undefined ? {} : { ttl: ttl / 1_000 });
    return true;
  }

  async delete(key: string): Promise<boolean> {
    return (await this.cache.delete(key)) > 0;
  }

  async deleteMany(keys: string[]): Promise<boolean> {
    return (await this.cache.delete(...keys)) > 0;
  }

  async has(key: string): Promise<boolean> {
    return this.cache.has(key);
  }

  async clear(): Promise<void> {
    await this.cache.clear();
  }
}
