import { Worker } from 'node:worker_threads';
import type { Readable } from 'node:stream';
import { BytesIn } from '../../thread/byte-streams.js';
import {
  received,
  type ThreadMessage,
  type ThreadReport,
  threadFailed,
} from '../../thread/thread-messages.js';
import type { DumpManner, DumpSelection } from '../dump-engine.js';

export interface DumpTask {
  readonly uri: string;
  readonly selection: DumpSelection;
  readonly manner: DumpManner;
  /** Of what makes the archive. */
  readonly version: string;
}

/** Time for a thread to take leave of the server before it is ended. */
const GRACE_MS = 1_000;

/** A dump by the driver in a thread of its own: the application's event loop only hands its bytes on. */
export class DumpThread {
  readonly archive: Readable;
  /** Rejects when the reading failed, or was stopped by the signal, or nobody takes its bytes any more. */
  readonly finished: Promise<void>;

  constructor(task: DumpTask, signal: AbortSignal) {
    const worker = new Worker(new URL('./dump.thread.js', import.meta.url), {
      name: 'flora-dump',
      workerData: task,
      // Flags of the application mean nothing in there; the environment may hold the credentials of a cloud.
      execArgv: [],
    });
    const archive = (this.archive = new BytesIn((message: ThreadMessage) => worker.postMessage(message, [])));
    const stop = (): void => void archive.destroy(signal.reason as Error);
    signal.addEventListener('abort', stop);
    let isWhole = false;
    let failure: Error | undefined;
    const fail = (error: Error): void => {
      failure ??= error;
      archive.destroy(error);
    };
    worker.on('message', (report: ThreadReport) => {
      if (report.kind === 'bytes') archive.arrived(report.pieces);
      else if (report.kind === 'end') {
        isWhole = true;
        archive.ended();
      } else if (report.kind === 'failure') fail(received(report.failure));
    });
    worker.on('error', (error) => fail(threadFailed(error.message, error)));
    archive.on('error', fail);
    archive.on('close', () => {
      if (!isWhole) failure ??= new Error('Nobody takes the archive any more');
      // Whatever is behind it: told to leave, and made to.
      worker.postMessage({ kind: 'end' } satisfies ThreadMessage, []);
      setTimeout(() => void worker.terminate(), GRACE_MS).unref();
    });
    // Not before: whoever waits for it may end its own thread next, and this one with it.
    this.finished = new Promise<void>((resolve, reject) => {
      worker.on('exit', () => {
        signal.removeEventListener('abort', stop);
        if (!isWhole) fail(threadFailed('it ended before its work'));
        if (failure) reject(failure);
        else resolve();
      });
    });
    if (signal.aborted) stop();
    // Whoever waits for the end hears of it; whoever failed before must not bring the process down.
    this.finished.catch(() => undefined);
  }
}
