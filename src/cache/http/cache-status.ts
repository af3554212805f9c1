/** How an answer came about (RFC 9211 §2). `detail` says why it was not looked up or not stored. */
export type CacheStatus =
  | { hit: true; ttl: number }
  | { hit: false; fwd: Forwarded; collapsed?: boolean; stored?: boolean; detail?: string | undefined };

/** Why the handler had to answer: not looked up, wrong method, nothing there, or nothing for these header values. */
export type Forwarded = 'bypass' | 'method' | 'uri-miss' | 'vary-miss';

/** The Cache-Status field of this cache: `flora; hit; ttl=57`, `flora; fwd=bypass; detail=cookie`. */
export function cacheStatus(status: CacheStatus): string {
  if (status.hit) return `flora; hit; ttl=${status.ttl}`;
  const { fwd, collapsed, stored, detail } = status;
  return [
    'flora',
    `fwd=${fwd}`,
    stored && 'stored',
    collapsed && 'collapsed',
    detail !== undefined && `detail=${detail}`,
  ]
    .filter(Boolean)
    .join('; ');
}
