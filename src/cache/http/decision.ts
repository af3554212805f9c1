import { cacheStatus, type Forwarded } from './headers/cache-status.js';
import type { StoredAnswer } from './responses/frame.js';
import type { Exchange } from './http-cache.route.js';
import { ReplayedResponse } from './responses/replayed-response.js';

/** `answered`: the stored answer is on its way. `handle`: the handler has to run. */
export type Decision = 'answered' | 'handle';

/** The handler answers and nothing is recorded; the response says why. */
export function handle({ raw }: Exchange, fwd: Forwarded, detail?: string): Decision {
  if (!raw.headersSent) raw.setHeader('Cache-Status', cacheStatus({ hit: false, fwd, detail }));
  return 'handle';
}

/** A stored answer goes out, in the place of what the framework sends where it sends something. */
export function serve(
  exchange: Exchange,
  answer: StoredAnswer,
  { age, cacheStatus, mayBePart = false }: { age: number; cacheStatus: string; mayBePart?: boolean },
): Decision {
  const { context, raw, entryHeaders, isEnded } = exchange;
  const { method, headers: requestHeaders } = context;
  const replayed = new ReplayedResponse(raw, {
    answer,
    entryHeaders,
    method,
    requestHeaders,
    age,
    cacheStatus,
    mayBePart,
  }).attach();
  if (!isEnded) replayed.sendNow();
  return 'answered';
}

/** The client wants what is stored or nothing (RFC 9111 §5.2.1.7). */
export const refuse = (exchange: Exchange): Decision =>
  serve(exchange, emptyAnswer(504, [['Cache-Control', 'no-store']]), {
    age: 0,
    cacheStatus: cacheStatus({ hit: false, detail: 'only-if-cached' }),
  });

/** For a request that wants no answer: it ends here. */
export const sendNothing = (exchange: Exchange): Decision =>
  serve(exchange, emptyAnswer(204, []), { age: 0, cacheStatus: cacheStatus({ hit: false }) });

const emptyAnswer = (status: number, headers: StoredAnswer['headers']): StoredAnswer => ({
  kind: 'answer',
  status,
  headers,
  etag: undefined,
  lastModified: undefined,
  age: 0,
  body: Buffer.alloc(0),
});
