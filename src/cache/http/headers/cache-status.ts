/** How an answer came about (RFC 9211 §2). `detail` says why it was not looked up or not stored. */
export type CacheStatus =
  /** `ttl`: seconds that it stays fresh; below 0 it is stale. */
  | { hit: true; ttl: number }
  | {
      hit: false;
      /** Absent: nobody was asked. */
      fwd?: Forwarded;
      /** What the handler answered, where that is not the status that is sent. */
      fwdStatus?: number | undefined;
      collapsed?: boolean;
      stored?: boolean;
      detail?: string | undefined;
    };

/**
 * Why the handler had to answer: not looked up, wrong method, nothing there, nothing for these header values, what
 * is there is stale, or the request wanted it so.
 */
export type Forwarded = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'stale' | 'request';

/** The Cache-Status field of this cache: `flora; hit; ttl=57`, `flora; fwd=bypass; detail=cookie`. */
export function cacheStatus(status: CacheStatus): string {
  if (status.hit) return `flora; hit; ttl=${status.ttl}`;
  const { fwd, fwdStatus, collapsed, stored, detail } = status;
  return [
    'flora',
    fwd !== undefined && `fwd=${fwd}`,
    fwdStatus !== undefined && `fwd-status=${fwdStatus}`,
    stored && 'stored',
    collapsed && 'collapsed',
    detail !== undefined && `detail=${detail}`,
  ]
    .filter(Boolean)
    .join('; ');
}
