import { createClient } from 'redis';
import { inTime } from './in-time.js';
import { EARLIEST_MS, Lock } from './lock.js';

/** What is used of a node-redis client: one server's, a cluster's or that of sentinels. */
export interface RedisLockClient {
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

export interface RedisLockOptions {
  /** Connected when it is first needed, and closed with the lock; or a client that is connected, and stays so. */
  readonly redis: string | RedisLockClient;
  /** What all keys begin with. */
  readonly prefix: string;
}

/** Longest time for a command: a Redis that is frozen or gone must not hold a schedule up. */
const PATIENCE_MS = 5_000;

/**
 * Locks in Redis: the lock is a key that expires by itself, beside it a hash with the last token and turn. Each step
 * is one script on both keys, which share a slot. A Redis that forgets its keys forgets who holds what: the holder
 * sees it at its next renewal and stops.
 */
export class RedisLock extends Lock {
  private own: Promise<OwnClient> | undefined;
  private isClosed = false;

  constructor(private readonly options: RedisLockOptions) {
    super();
  }

  async acquire(name: string, holder: string, ttlMs: number, turn?: number): Promise<number | undefined> {
    const token = await this.run(
      ACQUIRE,
      name,
      holder,
      String(ttlMs),
      turn === undefined ? '' : String(turn),
      String(EARLIEST_MS),
    );
    return Number(token) > 0 ? Number(token) : undefined;
  }

  async renew(name: string, holder: string, ttlMs: number): Promise<boolean> {
    return Number(await this.run(RENEW, name, holder, String(ttlMs))) === 1;
  }

  async release(name: string, holder: string): Promise<void> {
    await this.run(RELEASE, name, holder);
  }

  async holder(name: string): Promise<string | undefined> {
    return ((await this.run(HOLDER, name)) as string | null) ?? undefined;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const own = this.own;
    this.own = undefined;
    (await own?.catch(() => undefined))?.destroy();
  }

  private async run(script: string, name: string, ...args: string[]): Promise<unknown> {
    const slot = `${this.options.prefix}{${encodeURIComponent(name)}}`;
    const client = await this.client();
    const asked = client.eval(script, { keys: [`${slot}:held`, `${slot}:last`], arguments: args });
    return inTime(asked, 'Redis', PATIENCE_MS);
  }

  private async client(): Promise<RedisLockClient> {
    if (this.isClosed) throw new Error('The lock was closed');
    const { redis } = this.options;
    if (typeof redis !== 'string') return redis;
    this.own ??= connect(redis);
    try {
      return await this.own;
    } catch (error) {
      this.own = undefined;
      throw error;
    }
  }
}

type OwnClient = Awaited<ReturnType<typeof connect>>;

// Tokens are milliseconds of the server's clock, or one more than the last: they grow even if the hash was lost.
const ACQUIRE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local turn = tonumber(ARGV[3])
local last = tonumber(redis.call('HGET', KEYS[2], 'turn') or '')
if turn and turn == last then return 0 end
if turn and last and turn < last and last <= now + tonumber(ARGV[4]) then return 0 end
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
local token = math.max((tonumber(redis.call('HGET', KEYS[2], 'token') or '') or 0) + 1, now)
redis.call('HSET', KEYS[2], 'token', string.format('%.0f', token))
if turn then redis.call('HSET', KEYS[2], 'turn', ARGV[3]) end
return token`;
const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;
const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;
const HOLDER = `return redis.call('GET', KEYS[1])`;

async function connect(url: string) {
  const client = createClient({
    url,
    disableOfflineQueue: true,
    socket: { connectTimeout: PATIENCE_MS, reconnectStrategy: (tries) => Math.min(50 * 2 ** tries, 2_000) },
  });
  // Each command tells by itself that it failed; between commands nobody asks.
  client.on('error', () => undefined);
  try {
    await inTime(client.connect(), 'Redis', PATIENCE_MS);
    return client;
  } catch (error) {
    client.destroy();
    throw error;
  }
}
