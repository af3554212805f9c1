/** What the shop answered, and how. */
export interface Answer<T> {
  status: number;
  body: T;
  text: string;
  /**
   * Where a page came from: `hit` is the cache, or another visitor's answer that was being stored at that moment;
   * `none`: it is not a cached page.
   */
  cache: 'hit' | 'miss' | 'none';
  cacheStatus: string | null;
  milliseconds: number;
}

/** Someone who asks the shop for something over HTTP, as any client does. */
export class Visitor {
  constructor(
    private readonly shop: string,
    private readonly token?: string,
  ) {}

  /** The same shop, signed in. */
  as(token: string): Visitor {
    return new Visitor(this.shop, token);
  }

  get<T = unknown>(path: string): Promise<Answer<T>> {
    return this.ask('GET', path);
  }

  send<T = unknown>(
    method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: object,
  ): Promise<Answer<T>> {
    return this.ask(method, path, body);
  }

  private async ask<T>(method: string, path: string, body?: object): Promise<Answer<T>> {
    const begun = performance.now();
    const response = await fetch(this.shop + path, {
      method,
      headers: {
        ...(this.token !== undefined && { Authorization: `Bearer ${this.token}` }),
        ...(body && { 'Content-Type': 'application/json' }),
      },
      body: body ? JSON.stringify(body) : null,
      signal: AbortSignal.timeout(60_000),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false;
    const cacheStatus = response.headers.get('cache-status');
    return {
      status: response.status,
      body: (isJson ? JSON.parse(text) : undefined) as T,
      text,
      cache: cacheStatus === null ? 'none' : /; (hit|collapsed)/.test(cacheStatus) ? 'hit' : 'miss',
      cacheStatus,
      milliseconds: Math.round(performance.now() - begun),
    };
  }
}
