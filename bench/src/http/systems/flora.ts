import { CacheModule, CacheResponse } from '../../../../dist/index.js';
import { startNest } from '../nest-app.js';
import { PLATFORMS, type Setting, type System } from '../system.js';
import { PAGE_KINDS, TTL_SECONDS, type PageKind } from '../work.js';

const MEMORY = { ttl: TTL_SECONDS }; // by default an entry is looked up in Redis again after a minute

/** This project, as it was built. */
export const flora: System = {
  name: 'flora',
  packages: [],
  settings: [
    { ...setting('interceptor, L1', PAGE_KINDS), isShared: true },
    setting('interceptor, L2', ['1k', '50k'], { memory: false }),
    setting('early, L1', ['1k', '50k', 'query'], { early: true }),
  ],
};

function setting(
  label: string,
  kinds: readonly PageKind[],
  { memory = MEMORY, early = false }: { memory?: typeof MEMORY | false; early?: boolean } = {},
): Setting {
  return {
    label,
    role: 'cache',
    platforms: PLATFORMS,
    kinds,
    differs: [],
    open: async (ground) => {
      const { redisUrl, namespace } = ground;
      const cache = CacheModule.forRoot({
        redis: { url: redisUrl },
        namespace,
        memory,
        http: { global: true },
      });
      const route = CacheResponse(
        early ? { ttl: TTL_SECONDS, scope: 'public', early } : { ttl: TTL_SECONDS },
      );
      return startNest(ground, { imports: [cache], decorators: [route] });
    },
  };
}
