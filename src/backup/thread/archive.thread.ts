import { type Duplex, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { ArchiveCheck } from '../archive/archive-check.js';
import type { ArchiveReader } from '../archive/archive-reader.js';
import { compressor, decompressor } from '../compression.js';
import { Digest } from '../digest.js';
import { Seal, Unseal } from '../encryption/seal.js';
import { BytesIn, BytesOut } from './byte-streams.js';
import { sendable, type ThreadMessage, type ThreadReport, type ThreadTask } from './thread-messages.js';

/** How often the other side is told how far this is. */
const TELL_MS = 100;

function send(report: ThreadReport, transfer: ArrayBuffer[] = []): void {
  parentPort!.postMessage(report, transfer);
}

/** The thread's own side: see ArchiveThread. */
async function work(task: ThreadTask): Promise<void> {
  const input = new BytesIn(send);
  const output = new BytesOut(send);
  parentPort!.on('message', (message: ThreadMessage) => {
    if (message.kind === 'bytes') input.arrived(message.pieces);
    else if (message.kind === 'end') input.ended();
    else output.taken(message.count);
  });
  const plain = new Digest();
  const stored = new Digest();
  const check = new ArchiveCheck({
    watch: teller((counts) => send({ kind: 'progress', counts })),
    ...(task.kind === 'unpack' ? { contents: task.contents, onlyOplog: task.handOn === 'oplog' } : {}),
  });
  try {
    await pipeline(
      (task.kind === 'pack'
        ? [input, plain, check, ...compressor(task.compression, task.zstd), ...seal(task), stored, output]
        : [
            input,
            stored,
            ...unseal(task),
            ...decompressor(task.codec, task.zstd),
            plain,
            check,
            task.handOn === 'nothing' ? nowhere() : output,
          ]) as Duplex[],
    );
    const result = { stored: stored.result(), plain: plain.result(), summary: check.summary! };
    send({ kind: 'result', result });
  } catch (error) {
    send({ kind: 'failure', failure: sendable(error) });
  }
}

function seal({ key }: ThreadTask): Duplex[] {
  return key ? [new Seal(key)] : [];
}

function unseal({ key }: ThreadTask): Duplex[] {
  return key ? [new Unseal(key)] : [];
}

type Counts = Extract<ThreadReport, { kind: 'progress' }>['counts'];

function teller(tell: (counts: Counts) => void): (reader: ArchiveReader, over: boolean) => void {
  let quietUntil = 0;
  return (reader, over) => {
    const now = performance.now();
    if (now < quietUntil && !over) return;
    quietUntil = now + TELL_MS;
    tell(reader.counts());
  };
}

function nowhere(): Writable {
  return new Writable({ write: (_, __, done) => done() });
}

void work(workerData as ThreadTask);
