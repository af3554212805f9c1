import { type Duplex, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { ArchiveCheck } from '../archive/archive-check.js';
import type { ArchiveReader } from '../archive/archive-reader.js';
import { BackupError } from '../backup.errors.js';
import { compressor, decompressor } from '../compression.js';
import { Digest } from '../digest.js';
import { Seal, Unseal } from '../encryption/seal.js';
import type { DumpSource } from '../engine/dump-source.js';
import { BytesIn, BytesOut } from './byte-streams.js';
import { sendable, type ThreadOrder, type ThreadReport, type ThreadTask } from './thread-messages.js';

/** How often the other side is told how far this is. */
const TELL_MS = 100;

function send(report: ThreadReport, transfer: ArrayBuffer[] = []): void {
  parentPort!.postMessage(report, transfer);
}

/** The thread's own side: see ArchiveThread. */
async function work(task: ThreadTask): Promise<void> {
  const input = new BytesIn(send);
  const output = new BytesOut(send);
  const stop = new AbortController();
  parentPort!.on('message', (message: ThreadOrder) => {
    if (message.kind === 'bytes') input.arrived(message.pieces);
    else if (message.kind === 'end') input.ended();
    else if (message.kind === 'taken') output.taken(message.count);
    else stop.abort();
  });
  const plain = new Digest();
  const stored = new Digest();
  const check = new ArchiveCheck({
    watch: teller((counts) => send({ kind: 'progress', counts })),
    ...(task.kind === 'unpack' ? { contents: task.contents, onlyOplog: task.handOn === 'oplog' } : {}),
  });
  try {
    const through =
      task.kind === 'pack'
        ? [plain, check, ...compressor(task.compression, task.zstd), ...seal(task), stored, output]
        : [
            stored,
            ...unseal(task),
            ...decompressor(task.codec, task.zstd),
            plain,
            check,
            task.handOn === 'nothing' ? nowhere() : output,
          ];
    if (task.from) await dumpThrough(task.from, through as Duplex[], stop);
    else await pipeline([input, ...through] as Duplex[], { signal: stop.signal });
    const result = { stored: stored.result(), plain: plain.result(), summary: check.summary! };
    send({ kind: 'result', result });
  } catch (error) {
    send({ kind: 'failure', failure: sendable(error) });
  }
}

/** Resolves only when the dump was read to its end, and the engine vouches for it. */
async function dumpThrough(
  source: DumpSource,
  through: readonly Duplex[],
  stop: AbortController,
): Promise<void> {
  const { openDump } = await import('../engine/dump-source.js');
  const { archive, finished } = await openDump(source, stop.signal);
  let isOver = false;
  archive.once('end', () => {
    isOver = true;
  });
  const { signal } = stop;
  const parts = [pipeline([archive, ...through] as Duplex[], { signal }), finished];
  // Once its output has ended the tool is about to say how it went, and is let.
  for (const part of parts) part.catch(() => isOver || stop.abort());
  const [piped, dumped] = (await Promise.allSettled(parts)).map(failureOf);
  // One failure brings the other with it. The tool's own comes first where its output had ended: an archive that
  // stops in the middle is then the consequence.
  const failures = isOver ? [dumped, piped] : [piped, dumped];
  const failure = failures.find((one) => one instanceof BackupError) ?? failures.find(Boolean);
  if (failure !== undefined) throw failure;
}

function failureOf(result: PromiseSettledResult<void>): unknown {
  return result.status === 'rejected' ? result.reason : undefined;
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
