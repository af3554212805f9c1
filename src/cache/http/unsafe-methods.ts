import type { ServerResponse } from 'node:http';
import type { HttpCacheContext } from './http-cache.context.js';
import type { CacheEvictOptions } from './http-cache.options.js';
import { pathTag } from './key.js';

/** They change nothing, by their definition (RFC 9110 §9.2.1, RFC 3253, RFC 4918, RFC 5323, QUERY). */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'REPORT', 'SEARCH', 'QUERY']);

export const isSafe = (method: string): boolean => SAFE_METHODS.has(method);

/**
 * What a successful write makes old: the answers under its own path, whatever their query, and under the paths that
 * its Location and Content-Location name on the same host (RFC 9111 §4.4).
 */
export function writtenPaths(raw: ServerResponse): CacheEvictOptions {
  return {
    tags: ({ host, url }: HttpCacheContext) => {
      const named = ['location', 'content-location'].map((name) => pathOf(raw.getHeader(name), host, url));
      return [url, ...named.filter((path) => path !== undefined)].map((path) => pathTag(host, path));
    },
  };
}

/** Path of a reference as a client resolves it; undefined for one to another host, or none. */
function pathOf(reference: unknown, host: string, url: string): string | undefined {
  if (typeof reference !== 'string' || reference === '') return undefined;
  try {
    const target = new URL(reference, new URL(url, `http://${host}`));
    // Behind a proxy that ends TLS the reference may be to https and its usual port.
    const isSame = target.host.toLowerCase() === new URL(`${target.protocol}//${host}`).host;
    return isSame ? target.pathname : undefined;
  } catch {
    return undefined;
  }
}
