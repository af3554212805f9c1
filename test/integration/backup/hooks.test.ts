import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Logger } from '@nestjs/common';
import { expect, it, vi } from 'vitest';
import type { BackupModuleOptions } from '../../../src/backup/backup.options.js';
import type { BackupService } from '../../../src/backup/backup.service.js';
import type { HookOptions } from '../../../src/backup/hooks/hook-options.js';
import { describeWith } from '../../servers/index.js';
import { failureOf, finally_, ground, plantShop } from './ground.js';
import { until } from './processes.js';

const SECRET = 'a secret that nobody must see';

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: Record<string, never>;
  readonly path: string;
}

/** A server that keeps what it receives, and answers as it is told. */
async function receiver(
  answer: (response: ServerResponse, count: number) => void = (response) => response.end(),
) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const chunks = (await request.toArray()) as Buffer[];
      const text = Buffer.concat(chunks).toString();
      const { headers, url = '' } = request;
      received.push({ headers, text, body: JSON.parse(text) as Record<string, never>, path: url });
      answer(response, received.length);
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  finally_(async () => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/hook?token=of-the-path`, received };
}

function logged(): string[] {
  const lines: string[] = [];
  for (const level of ['log', 'warn', 'error'] as const) {
    const spy = vi.spyOn(Logger.prototype, level).mockImplementation((line: unknown) => {
      lines.push(`${level}: ${String(line)}`);
    });
    finally_(async () => spy.mockRestore());
  }
  return lines;
}

async function shop(hooks: HookOptions, options: BackupModuleOptions = {}) {
  const place = await ground({ hooks, ...options });
  await place.db.collection('orders').insertOne({ number: 1 });
  return place;
}

describeWith(['mongo', 'tools'], 'hooks of backups', () => {
  it('are told before the dump, and after the backup is there', async () => {
    const told: unknown[] = [];
    let service: BackupService;
    const place = await shop({
      before: async (event) => {
        told.push(['before', event]);
        await place.db.collection('orders').insertOne({ number: 2 });
      },
      after: async ({ backup, label, database }) => {
        const { good } = await service.verifyBackup(backup.id, { level: 'restore' });
        told.push(['after', { label, database, good }]);
      },
      failed: (event) => void told.push(['failed', event]),
    });
    service = place.service;
    const database = place.db.databaseName;

    const backup = await service.createBackup({ label: 'nightly', collections: ['orders'] });

    expect(backup.documents).toBe(2);
    expect(told).toEqual([
      ['before', { database, collections: ['orders'], label: 'nightly' }],
      ['after', { label: 'nightly', database, good: true }],
    ]);
  });

  it('may stop a backup before it begins, by an error or by taking too long', async () => {
    const told: unknown[] = [];
    let before: HookOptions['before'] = () => Promise.reject(new Error('the shop is being restocked'));
    const { service, files, another } = await shop({
      before: (event, signal) => before!(event, signal),
      failed: ({ error }) => void told.push(error),
      timeout: '200ms',
    });

    const failure = await failureOf(service.createBackup());
    expect(failure).toMatchObject({ code: 'HOOK_FAILED' });
    expect(failure.message).toContain('the shop is being restocked');
    before = () => {
      throw 'a text';
    };
    expect((await failureOf(service.createBackup())).message).toContain('a text');
    let aborted = false;
    before = (_, signal) =>
      new Promise(() => signal.addEventListener('abort', () => (aborted = true), { once: true }));
    expect((await failureOf(service.createBackup())).message).toContain('it took too long');
    expect(aborted).toBe(true);
    expect(told).toMatchObject([{ code: 'HOOK_FAILED' }, { code: 'HOOK_FAILED' }, { code: 'HOOK_FAILED' }]);
    expect(await files()).toEqual([]);

    before = () => undefined;
    await service.createBackup();
    const patient = await another({ hooks: { before: () => new Promise(() => {}) } });
    expect(await failureOf(patient.createBackup({ signal: AbortSignal.timeout(50) }))).toMatchObject({
      code: 'ABORTED',
    });
  });

  it('are told of failures, and what they fail with themselves is logged without secrets', async () => {
    const lines = logged();
    const told: unknown[] = [];
    const broken = (): never => {
      throw new Error('no way to mongodb://flora:hunter2@db/shop');
    };
    const { service } = await shop({
      after: broken,
      failed: (event) => {
        told.push(event);
        broken();
      },
    });

    expect(await service.createBackup()).toMatchObject({ status: 'good' });
    expect(await service.listBackups({ status: 'good' })).toHaveLength(1);
    const database = 'there-is-none';
    expect(await failureOf(service.createBackup({ database }))).toMatchObject({ code: 'DATABASE_NOT_FOUND' });
    expect(told).toMatchObject([{ database, error: { code: 'DATABASE_NOT_FOUND' } }]);
    expect(lines.filter((line) => line.startsWith('error:'))).toEqual([
      expect.stringContaining('The hook after failed. no way to mongodb://***@db'),
      expect.stringContaining('The hook failed failed. no way to mongodb://***@db'),
    ]);
    // What was asked wrongly was never begun.
    expect(await failureOf(service.createBackup({ database: 'a b' }))).toMatchObject({
      code: 'INVALID_OPTIONS',
    });
    expect(told).toHaveLength(1);
  });

  it('may take as long as they are given, a month too', async () => {
    const { service } = await shop({
      before: () => new Promise((go) => setTimeout(go, 100)),
      timeout: '30d',
    });
    expect(await service.createBackup()).toMatchObject({ status: 'good' });
  });

  it('are told by a schedule, too', async () => {
    const told: string[] = [];
    const { service } = await shop({
      before: () => void told.push('before'),
      after: () => void told.push('after'),
    });
    await service.scheduleBackups('0 0 * * *').runNow();
    expect(told).toEqual(['before', 'after']);
  });
});

describeWith(['mongo', 'tools'], 'webhooks of backups', () => {
  it('are signed over time and body, so that a receiver can tell them from all others', async () => {
    const { url, received } = await receiver();
    const { service, db } = await shop({
      webhooks: [{ url, secret: SECRET, events: ['before', 'after', 'failed'] }],
    });
    const backup = await service.createBackup({ label: 'nightly' });
    await failureOf(service.createBackup({ database: 'there-is-none' }));
    await service.close();

    expect(received.map(({ body }) => body['event'])).toEqual(['before', 'after', 'before', 'failed']);
    for (const { headers, text, path, body } of received) {
      const timestamp = headers['flora-timestamp'] as string;
      const expected = createHmac('sha256', SECRET).update(`${timestamp}.${text}`).digest('hex');
      expect(headers['flora-signature']).toBe(`sha256=${expected}`);
      expect(Math.abs(Date.now() / 1_000 - Number(timestamp))).toBeLessThan(60);
      expect(path).toBe('/hook?token=of-the-path');
      expect(headers).toMatchObject({
        'content-type': 'application/json',
        'flora-event': body['event'],
        'flora-delivery': body['delivery'],
      });
      expect(text).not.toContain(SECRET);
    }
    expect(received[1]!.body).toMatchObject({
      database: db.databaseName,
      label: 'nightly',
      backup: { id: backup.id, status: 'good', documents: 1, namespaces: 1 },
    });
    expect(received[3]!.body).toMatchObject({ error: { code: 'DATABASE_NOT_FOUND' } });
  });

  it('are tried again where the receiver has trouble, under one id, and never hold the backup up', async () => {
    const { url, received } = await receiver((response, count) => {
      if (count === 1) response.destroy();
      else response.writeHead(count === 2 ? 503 : count === 3 ? 429 : 204).end();
    });
    const { service } = await shop({ webhooks: [{ url, secret: SECRET, delay: '10ms' }] });

    const backup = await service.createBackup();
    await until(() => received.length === 4);
    await service.close();

    expect(received).toHaveLength(4);
    expect(new Set(received.map(({ headers }) => headers['flora-delivery'])).size).toBe(1);
    expect(new Set(received.map(({ text }) => text)).size).toBe(1);
    expect(received[0]!.body).toMatchObject({ event: 'after', backup: { id: backup.id } });
  });

  it('wait as long as the receiver asks for, by seconds or by a date, a minute at most', async () => {
    const soon = () => new Date(Date.now() + 2_000).toUTCString();
    for (const after of [() => '1', soon]) {
      const times: number[] = [];
      const { url, received } = await receiver((response, count) => {
        times.push(performance.now());
        response.writeHead(count === 1 ? 503 : 204, count === 1 ? { 'retry-after': after() } : {}).end();
      });
      const { service } = await shop({ webhooks: [{ url, delay: '1ms' }] });
      await service.createBackup();
      await until(() => received.length === 2);
      await service.close();
      expect(times[1]! - times[0]!).toBeGreaterThan(500);
    }
    const { url, received } = await receiver((response, count) => {
      const nonsense = ['-1', 'Infinity', 'soon', '1e3', 'Thu, 01 Jan 1970 00:00:00 GMT'][count - 1];
      response.writeHead(nonsense ? 503 : 204, nonsense ? { 'retry-after': nonsense } : {}).end();
    });
    const { service } = await shop({ webhooks: [{ url, delay: '1ms', attempts: 6 }] });
    await service.createBackup();
    await until(() => received.length === 6);
  });

  it('cost a backup nothing where the receiver is hostile: endless, broken, a flood', async () => {
    const lines = logged();
    const answers: ((socket: Socket) => void)[] = [
      (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
      (socket) => socket.write(`HTTP/1.1 500 ${SECRET}\r\nx-echo: ${SECRET}\r\ncontent-length: 0\r\n\r\n`),
      (socket) => socket.end(`HTTP/1.1 200 OK\r\n${'x-flood: y\r\n'.repeat(20_000)}\r\n`),
      (socket) => {
        socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n');
        const flood = setInterval(() => socket.write(`4000\r\n${'x'.repeat(0x4000)}\r\n`), 1);
        socket.on('close', () => clearInterval(flood));
      },
      (socket) => {
        const drip = setInterval(() => socket.write('HTTP/1.1 100 Continue\r\n\r\n'), 50);
        socket.on('close', () => clearInterval(drip));
      },
    ];
    const webhooks = [];
    for (const answer of answers) {
      const server = createTcpServer((socket) => {
        socket.on('error', () => undefined).once('data', () => answer(socket));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      finally_(async () => void server.close());
      const { port } = server.address() as AddressInfo;
      webhooks.push({ url: `http://127.0.0.1:${port}/?token=of-the-path`, secret: SECRET, attempts: 1 });
    }
    const { service } = await shop({ webhooks });

    expect(await service.createBackup()).toMatchObject({ status: 'good' });
    await service.close();

    const errors = lines.filter((line) => line.startsWith('error:'));
    expect(errors).toHaveLength(4);
    for (const hidden of [SECRET, 'of-the-path']) expect(errors.join('\n')).not.toContain(hidden);
  });

  it('that are given up are logged by their host alone, and cost nothing', async () => {
    const lines = logged();
    const refusing = await receiver((response) => response.writeHead(403).end());
    const elsewhere = await receiver();
    const moved = await receiver((response) => response.writeHead(307, { location: elsewhere.url }).end());
    const failing = await receiver((response) => response.writeHead(500).end());
    const webhooks = [refusing.url, moved.url, failing.url, 'http://127.0.0.1:1/?token=of-the-path'].map(
      (url) => ({ url, secret: SECRET, attempts: 3, delay: '5ms' }),
    );
    const { service } = await shop({ webhooks });

    expect(await service.createBackup()).toMatchObject({ status: 'good' });
    await service.close();

    expect([refusing, moved, failing, elsewhere].map(({ received }) => received.length)).toEqual([
      1, 1, 3, 0,
    ]);
    const errors = lines.filter((line) => line.startsWith('error:')).join('\n');
    for (const word of ['403', '307', '500', 'ECONNREFUSED|attempt 3'])
      expect(errors).toMatch(new RegExp(word));
    for (const hidden of [SECRET, 'of-the-path']) {
      expect(errors).not.toContain(hidden);
      expect(inspect(service, { depth: 12, showHidden: true })).not.toContain(hidden);
    }
  });

  it('are waited for at the end, and not for ever', async () => {
    const slow = await receiver((response) => void setTimeout(() => response.end(), 300));
    const { service } = await shop({ webhooks: [{ url: slow.url }] });
    await service.createBackup();
    await service.close();
    expect(slow.received).toHaveLength(1);
    expect(slow.received[0]!.headers['flora-signature']).toBeUndefined();

    const lines = logged();
    const silent = await receiver(() => undefined);
    const other = await shop({ webhooks: [{ url: silent.url }] });
    await other.service.createBackup();
    await other.service.close();
    expect(lines.join('\n')).toContain('The webhook for after failed');
  });

  it('are told of copies that failed', async () => {
    const { url, received } = await receiver();
    const told: unknown[] = [];
    const { service, directory } = await shop(
      { webhooks: [{ url }], copyFailed: (event) => void told.push(event) },
      { storage: ['disk', { disk: '/dev/null/copies' }] },
    );
    const { id, copies } = await service.createBackup();
    await service.close();
    expect(copies).toMatchObject([{ status: 'good', location: join(directory, id) }, { status: 'missing' }]);
    expect(told).toEqual([{ id, copy: copies![1] }]);
    expect(new Set(received.map(({ body }) => String(body['event'])))).toEqual(
      new Set(['after', 'copyFailed']),
    );
  });

  it.each<[unknown]>([
    [{ after: 'rm -rf' }],
    [{ afterwards: () => undefined }],
    [{ webhooks: { url: 'http://a' } }],
    [{ webhooks: [{ url: 'ftp://a/of-the-path' }] }],
    [{ webhooks: [{ url: 'http://flora:of-the-path@a/' }] }],
    [{ webhooks: [{ url: 'http://a', secret: 'of-the-path' }] }],
    [{ webhooks: [{ url: 'http://a', events: ['later'] }] }],
    [{ webhooks: [{ url: 'http://a', attempts: 0 }] }],
    [{ webhooks: [{ url: 'http://a', tries: 1 }] }],
    [{ webhooks: [undefined] }],
  ])('are refused when they can not work: %j', async (hooks) => {
    const failure = await failureOf(ground({ hooks: hooks as HookOptions }));
    expect(failure).toMatchObject({ code: 'INVALID_OPTIONS' });
    expect(failure.message).not.toContain('of-the-path');
  });
});

describeWith(['mongo', 'tools'], 'the health of backups', () => {
  it('is up while the newest good backup of the whole database is young enough', async () => {
    let now = Date.parse('2026-05-01T00:00:00Z');
    const place = await ground({ staleAfter: '26h', clock: { now: () => now } });
    const { service, db } = place;
    await plantShop(db);
    expect(await service.checkHealth()).toEqual({
      backup: { status: 'down', message: 'There is no good backup.', staleAfterSeconds: 93_600 },
    });
    await service.createBackup({ collections: ['orders'] });
    expect((await service.checkHealth()).backup.status).toBe('down');

    const { id } = await service.createBackup();
    now += 26 * 3_600_000;
    const lastGood = { id, createdAt: '2026-05-01T00:00:00.000Z', ageSeconds: 93_600 };
    expect(await service.checkHealth('shop')).toEqual({
      shop: { status: 'up', lastGood, staleAfterSeconds: 93_600 },
    });
    now += 1_000;
    expect((await service.checkHealth()).backup).toMatchObject({
      status: 'down',
      message: 'The last good backup is 93601 seconds old, more than 93600.',
      lastGood: { id },
    });

    // A clock that went wrong must not make it look young for years.
    const real = now;
    now += 365 * 86_400_000;
    await service.createBackup();
    now = real;
    expect((await service.checkHealth()).backup).toMatchObject({ status: 'down', lastGood: { id } });

    const nowhere = await place.another({ directory: '/dev/null/backups' });
    expect((await nowhere.checkHealth()).backup).toMatchObject({
      status: 'down',
      message: expect.stringContaining("can't be used") as string,
    });
  });
});
