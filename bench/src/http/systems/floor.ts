import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PLATFORMS, type System } from '../system.js';
import { PATH, TTL_SECONDS } from '../work.js';

/** What no cache in Node can do without: find the page, look at what the client has, write head and bytes. */
export const floor: System = {
  name: 'node:http',
  packages: [],
  settings: [
    {
      label: 'the same hit',
      role: 'floor',
      platforms: PLATFORMS,
      kinds: ['1k', '50k'],
      differs: ['no framework, one page'],
      open: async ({ work }) => {
        const body = Buffer.from(JSON.stringify(work.do()));
        const etag = `W/"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`;
        const pages = new Map([[PATH, { body, etag, storedAt: Date.now() }]]);
        const server = createServer((request, response) => {
          const page = pages.get(request.url ?? '');
          const age = page ? Math.floor((Date.now() - page.storedAt) / 1_000) : 0;
          const isMissing = !page || age > TTL_SECONDS || request.headers.authorization !== undefined;
          if (isMissing) return void response.writeHead(404).end();
          if (request.headers['if-none-match'] === page.etag)
            return void response.writeHead(304, { ETag: page.etag }).end();
          response.writeHead(200, {
            'Content-Type': 'application/json; charset=utf-8',
            'Content-Length': page.body.length,
            ETag: page.etag,
            Age: age,
            'Cache-Status': `floor; hit; ttl=${TTL_SECONDS - age}`,
          });
          response.end(page.body);
        });
        server.listen(0, '127.0.0.1');
        await once(server, 'listening');
        return (server.address() as AddressInfo).port;
      },
    },
  ],
};
