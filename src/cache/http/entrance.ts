import type { HttpCacheContext } from './http-cache.context.js';
import type { Route } from './http-cache.route.js';
import { bypassReason } from './policy.js';
import type { RequestDirectives } from './headers/request-directives.js';

/** Why a request to a cached route is not looked up: undefined if it is. */
export function obstacleOf(
  context: HttpCacheContext,
  route: Route,
  asked: RequestDirectives,
): string | undefined {
  const reason = bypassReason(context, { scoped: route.scope !== undefined, vary: new Set(route.vary) });
  if (reason !== undefined) return reason;
  // An absolute target names a host of its own, which a handler may see and the key does not hold (RFC 9112 §3.2.2).
  if (!context.url.startsWith('/')) return 'target';
  // Whoever leaves freshness to the answer has a proxy before the handler, which answers for parts of it, too.
  const part = ['range', 'if-range'].find(
    (name) => context.headers[name] !== undefined && !route.vary.includes(name),
  );
  const isAnswered = route.freshness === 'response' && context.method === 'GET';
  if (part !== undefined && !isAnswered) return part;
  return asked.noStore ? 'no-store' : undefined;
}
