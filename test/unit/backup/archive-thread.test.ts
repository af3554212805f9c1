import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import { bestCodec, type Codec, findZstd, type ZstdSource } from '../../../src/backup/compression.js';
import type { NamedKey } from '../../../src/backup/encryption/seal.js';
import type { ArchiveCounts } from '../../../src/backup/progress.js';
import { ArchiveThread } from '../../../src/backup/thread/archive-thread.js';
import type { ThreadTask } from '../../../src/backup/thread/thread-messages.js';
import { archive, flat } from './archive-bytes.js';

const documents = Array.from({ length: 400 }, (_, index) =>
  flat({ index, text: randomBytes(2_000).toString('base64') }),
);
const plain = archive([
  { db: 'shop', collection: 'products', segments: [documents.slice(0, 100), documents.slice(100)] },
  { db: 'shop', collection: 'empty' },
]);

const open: ArchiveThread[] = [];
const told: ArchiveCounts[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((thread) => thread.close()));
  told.length = 0;
});

function start(task: ThreadTask): ArchiveThread {
  const thread = new ArchiveThread(task, (counts) => told.push(counts));
  open.push(thread);
  return thread;
}

const pack = (codec: Codec, zstd: ZstdSource | undefined = findZstd(), key?: NamedKey): ArchiveThread =>
  start({ kind: 'pack', compression: { codec, level: 1 }, zstd, key });
const unpack = (codec: Codec, handOn: 'archive' | 'nothing' = 'archive', key?: NamedKey): ArchiveThread =>
  start({ kind: 'unpack', codec, zstd: findZstd(), key, handOn });

async function through(thread: ArchiveThread, bytes: Buffer): Promise<Buffer> {
  const [, ...out] = await Promise.all([
    pipeline(Readable.from(chunks(bytes)), thread.input),
    thread.output.toArray(),
  ]);
  return Buffer.concat(out[0] as Buffer[]);
}

describe('the thread that packs and unpacks', () => {
  it.each(['gzip', 'none', bestCodec()] as const)('gives back what it was given, by %s', async (codec) => {
    const packing = pack(codec);
    const stored = await through(packing, plain);
    const unpacking = unpack(codec);
    const again = await through(unpacking, stored);

    expect(again.equals(plain)).toBe(true);
    const [packed, unpacked] = [await packing.finished, await unpacking.finished];
    expect(unpacked).toEqual(packed);
    expect(packed.plain).toEqual({ bytes: plain.length, sha256: hash(plain) });
    expect(packed.stored).toEqual({ bytes: stored.length, sha256: hash(stored) });
    expect(packed.summary.namespaces.map(({ documents }) => documents)).toEqual([400, 0]);
    expect(told.at(-1)).toMatchObject({ documents: 400, running: [], done: 2, all: 2 });
  });

  it('encrypts after it compresses', async () => {
    const key = { id: 'one', key: randomBytes(32) };
    const packing = pack('gzip', undefined, key);
    const stored = await through(packing, plain);
    const unpacking = unpack('gzip', 'archive', key);

    expect((await through(unpacking, stored)).equals(plain)).toBe(true);
    expect(await unpacking.finished).toEqual(await packing.finished);
    const wrong = unpack('gzip', 'archive', { id: 'one', key: randomBytes(32) });
    await expect(through(wrong, stored)).rejects.toMatchObject({ code: 'SEAL_BROKEN' });
  });

  it('takes no more than it can use while nobody reads what it gives', async () => {
    const { input } = pack('none');
    let given = 0;
    const endless = Readable.from(
      (function* () {
        yield archive([{ db: 'a', collection: 'b', segments: [[]] }]).subarray(0, 200);
        while (true) {
          given += 100_000;
          yield Buffer.alloc(100_000);
        }
      })(),
    );
    endless.pipe(input).on('error', () => undefined);
    let before = -1;
    while (before !== given) {
      before = given;
      await new Promise((wake) => setTimeout(wake, 200));
    }
    expect(given).toBeLessThan(24 * 1024 * 1024);
    endless.destroy();
  });

  it('says what is wrong with an archive, as the error it is', async () => {
    const thread = pack('gzip');
    await expect(through(thread, plain.subarray(0, plain.length / 2))).rejects.toMatchObject({
      name: 'BackupError',
      code: 'ARCHIVE_INVALID',
    });
    await expect(thread.finished).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
  });

  it('says that this host lacks a codec', async () => {
    const thread = start({
      kind: 'unpack',
      codec: 'zstd',
      zstd: undefined,
      key: undefined,
      handOn: 'nothing',
    });
    await expect(thread.finished).rejects.toMatchObject({ code: 'BACKUP_UNSUPPORTED' });
  });

  it.each(['gzip', bestCodec()] as const)('says that bytes are not %s', async (codec) => {
    const thread = unpack(codec, 'nothing');
    thread.input.end(randomBytes(1_000));
    await expect(thread.finished).rejects.toMatchObject({ code: expect.stringMatching(/^(Z_|ZSTD)/) });
  });

  it('fails with a typed error, and takes its streams along, when it dies', async () => {
    const born = once(process, 'worker') as Promise<[Worker]>;
    const thread = pack('none');
    const [worker] = await born;
    const errors = Promise.all(
      [thread.input, thread.output].map((stream) => once(stream, 'error').then(([error]) => error)),
    );
    await worker.terminate();

    await expect(thread.finished).rejects.toMatchObject({ code: 'PIPELINE_FAILED' });
    for (const error of await errors) expect(error).toMatchObject({ code: 'PIPELINE_FAILED' });
  });

  it('fails with a typed error when the program zstd does not run, fails, or dies', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'flora-test-'));
    const program = async (name: string, text: string): Promise<string> => {
      await writeFile(join(folder, name), `#!/bin/sh\n${text}\n`);
      await chmod(join(folder, name), 0o755);
      return join(folder, name);
    };
    const programs = [
      join(folder, 'nowhere'),
      await program('full', 'head -c 1000 > /dev/null; echo "no room" >&2; exit 7'),
      await program('killed', 'kill -9 $$'),
    ];
    for (const path of programs)
      await expect(through(pack('zstd', { program: path }), plain)).rejects.toMatchObject({
        code: 'PIPELINE_FAILED',
      });
    await rm(folder, { recursive: true });
  });
});

it.runIf(findZstd() !== 'node')('zstd is looked for on PATH, in absolute folders only', () => {
  expect(findZstd('')).toBeUndefined();
  expect(findZstd('.:bin::/nonexistent')).toBeUndefined();
});

function* chunks(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield Buffer.from(bytes.subarray(at, at + 65_536));
}

function hash(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
