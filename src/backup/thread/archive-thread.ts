import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { ArchiveCounts } from '../progress.js';
import { BytesIn, BytesOut } from './byte-streams.js';
import {
  received,
  type ThreadMessage,
  type ThreadOrder,
  type ThreadReport,
  type ThreadResult,
  type ThreadTask,
  threadFailed,
} from './thread-messages.js';

/** Time for what a thread reads from to end by itself, with some to spare, before the thread is ended. */
const GRACE_MS = 8_000;

/**
 * A thread of its own for what is heavy about a backup: reading the archive, compressing, hashing. Bytes go in, or are
 * read in there from the engine, and come out in constant memory; the application's event loop only hands them on.
 *
 * @throws (by its streams and by `finished`) BackupError: what is wrong with the bytes, or PIPELINE_FAILED when the
 *   thread ended before its work
 */
export class ArchiveThread {
  readonly input: BytesOut;
  readonly output: BytesIn;
  readonly finished: Promise<ThreadResult>;
  private readonly worker: Worker;
  private closing = false;
  /** Bytes of the archive that were read in there. */
  private read = 0;

  constructor(task: ThreadTask, onProgress: (counts: ArchiveCounts) => void) {
    this.worker = new Worker(new URL('./archive.thread.js', import.meta.url), {
      name: 'flora-backup',
      workerData: task,
      // Flags of the application mean nothing in there; its environment may hold the credentials of a cloud.
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: '' },
      // Its garbage is buffers: they are given back sooner where little may gather.
      resourceLimits: { maxYoungGenerationSizeMb: 2 },
    });
    const post = (message: ThreadMessage, transfer: ArrayBuffer[]): void =>
      this.worker.postMessage(message, transfer);
    const input = (this.input = new BytesOut(post));
    const output = (this.output = new BytesIn(post));
    this.finished = new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        reject(error);
        input.destroy(error);
        output.destroy(error);
      };
      this.worker.on('message', (report: ThreadReport) => {
        if (report.kind === 'bytes') output.arrived(report.pieces);
        else if (report.kind === 'end') output.ended();
        else if (report.kind === 'taken') input.taken(report.count);
        else if (report.kind === 'progress') {
          this.read = report.counts.bytes;
          onProgress(report.counts);
        } else if (report.kind === 'result') resolve(report.result);
        else fail(received(report.failure));
      });
      this.worker.on('error', (error) => fail(threadFailed(error.message, error)));
      this.worker.on('exit', () =>
        fail(this.closing ? new Error('It was stopped.') : threadFailed('it ended before its work')),
      );
    });
    // Whoever waits for them hears of it; whoever failed before must not bring the process down.
    this.finished.catch(() => undefined);
    for (const stream of [input, output]) stream.on('error', () => undefined);
  }

  /** A number that changes as the work goes on. */
  get moved(): number {
    return this.input.count + this.output.count + this.read;
  }

  /** Ends the thread, its work done or not. What still waits for it gets an error that isn't a BackupError. */
  async close(): Promise<void> {
    this.closing = true;
    // No program may outlive the thread that works with it.
    this.worker.postMessage({ kind: 'stop' } satisfies ThreadOrder, []);
    const ended = this.finished.catch(() => undefined);
    await Promise.race([ended, sleep(GRACE_MS, undefined, { ref: false })]);
    await this.worker.terminate();
  }
}
