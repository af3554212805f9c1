import type { CallHandler, NestInterceptor } from '@nestjs/common';
import { startNest } from '../nest-app.js';
import { PLATFORMS, type System } from '../system.js';
import { PAGE_KINDS } from '../work.js';

class EmptyInterceptor implements NestInterceptor {
  intercept(_: unknown, next: CallHandler) {
    return next.handle();
  }
}

/** The route by itself. */
export const bare: System = {
  name: 'nest',
  packages: [],
  settings: [
    {
      label: 'bare route',
      role: 'bare',
      platforms: PLATFORMS,
      kinds: PAGE_KINDS,
      isShared: true,
      differs: [],
      open: async (ground) => startNest(ground),
    },
    {
      label: 'empty interceptor',
      role: 'bare',
      platforms: PLATFORMS,
      kinds: ['1k', '50k'],
      differs: [],
      open: async (ground) => startNest(ground, { interceptors: [EmptyInterceptor] }),
    },
  ],
};
