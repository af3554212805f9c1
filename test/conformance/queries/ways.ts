import { holdAnswersOf } from './held-proxy.js';
import type { PlaceServers } from './place.js';

/** Ways to the servers on which answers can be held and lost. */
export async function withWays(
  mongoUri: string,
  redisUrl: string,
  namespace: string,
): Promise<{ servers: PlaceServers & { redisUrl: string }; close: () => Promise<void> }> {
  const direct = alone(mongoUri);
  const mongo = await holdAnswersOf(portOf(direct));
  const redis = await holdAnswersOf(portOf(redisUrl));
  const servers = {
    redisUrl: through(redisUrl, redis.port),
    mongoUri: through(direct, mongo.port),
    mongo,
    redis,
    directMongoUri: direct,
    directRedisUrl: redisUrl,
    namespace,
  };
  return {
    servers,
    close: async () => {
      await Promise.all([mongo.close(), redis.close()]);
    },
  };
}

/** Not as a member of its replica set, whose other name the driver would follow past the way. */
function alone(uri: string): string {
  const [address, query] = uri.split('?') as [string, string | undefined];
  const options = new URLSearchParams(query);
  options.delete('replicaSet');
  options.set('directConnection', 'true');
  options.set('retryWrites', 'false'); // a lost acknowledgement is an error
  return `${address}?${options.toString()}`;
}

const portOf = (url: string): number => Number(new URL(url).port);

function through(url: string, port: number): string {
  const way = new URL(url);
  way.hostname = '127.0.0.1';
  way.port = String(port);
  return way.href;
}
