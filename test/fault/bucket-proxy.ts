import { createServer, request, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { finally_ } from '../integration/backup/ground.js';

/** What befalls a request: it is passed on, it was answered here, or its answer gets lost. */
type Verdict = 'passed on' | 'answered' | 'answer lost';
export type Blow = (request: IncomingMessage, response: ServerResponse) => Verdict | Promise<Verdict>;

export interface BucketProxy {
  readonly endpoint: string;
  readonly strike: (blow: Blow | undefined) => void;
  /** Requests that the bucket has answered, such as `PUT /bucket/backups/one/archive?partNumber=1`. */
  readonly answered: string[];
}

/** A way to a server that speaks S3, which may be spoiled; gone after the test. */
export async function bucketProxy(to: string): Promise<BucketProxy> {
  const state: { blow: Blow | undefined } = { blow: undefined };
  const answered: string[] = [];
  const proxy = createServer((asked, response) => void pass(asked, response, to, () => state.blow, answered));
  await new Promise<void>((ready) => proxy.listen(0, '127.0.0.1', ready));
  finally_(async () => {
    proxy.closeAllConnections();
    await new Promise((closed) => proxy.close(closed));
  });
  return {
    endpoint: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    answered,
    strike: (blow) => {
      state.blow = blow;
    },
  };
}

async function pass(
  asked: IncomingMessage,
  response: ServerResponse,
  to: string,
  blow: () => Blow | undefined,
  answered: string[],
): Promise<void> {
  const verdict = (await blow()?.(asked, response)) ?? 'passed on';
  if (verdict === 'answered') return;
  const { method = 'GET', url = '/', headers } = asked;
  const onward = request(new URL(url, to), { method, headers }, (answer) => {
    answered.push(`${method} ${decodeURIComponent(url)}`);
    if (verdict === 'answer lost') {
      answer.resume();
      asked.socket.destroy();
      return;
    }
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  asked.pipe(onward);
}
