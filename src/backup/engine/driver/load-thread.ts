import { Worker } from 'node:worker_threads';
import { BytesOut } from '../../thread/byte-streams.js';
import { received, type SentFailure, type ThreadOrder, threadFailed } from '../../thread/thread-messages.js';
import type { LoadSelection } from '../dump-engine.js';

/** What is to be written, and where. */
export interface LoadTask {
  readonly uri: string;
  readonly selection: LoadSelection;
}

export type LoadReport =
  /** So many bytes were used: as many more may be sent. */
  | { readonly kind: 'taken'; readonly count: number }
  /** Everything is on the server. */
  | { readonly kind: 'written'; readonly documents: number }
  | { readonly kind: 'failure'; readonly failure: SentFailure };

/** Time for what is on its way to the server to arrive, before a thread that is to stop is ended. */
const GRACE_MS = 5_000;

/** A load by the driver in a thread of its own: the application's event loop only hands it the bytes. */
export class LoadThread {
  readonly archive: BytesOut;
  /** Settles when the thread has ended, so that nothing is written any more. */
  readonly finished: Promise<number>;

  constructor(task: LoadTask, signal: AbortSignal) {
    const worker = new Worker(new URL('./load.thread.js', import.meta.url), {
      name: 'flora-load',
      workerData: task,
      // Flags of the application mean nothing in there; the environment may hold the credentials of a cloud.
      execArgv: [],
    });
    const post = (message: ThreadOrder, transfer: ArrayBuffer[]): void =>
      worker.postMessage(message, transfer);
    const archive = (this.archive = new BytesOut(post));
    let failure: Error | undefined;
    let patience: NodeJS.Timeout | undefined;
    const fail = (error: Error): void => {
      if (failure) return;
      failure = error;
      archive.destroy(error);
      post({ kind: 'stop' }, []);
      patience = setTimeout(() => void worker.terminate(), GRACE_MS);
    };
    const stop = (): void => fail(signal.reason as Error);
    signal.addEventListener('abort', stop);
    this.finished = new Promise((resolve, reject) => {
      let written: number | undefined;
      worker.on('message', (report: LoadReport) => {
        if (report.kind === 'taken') archive.taken(report.count);
        else {
          if (report.kind === 'written') written = report.documents;
          else fail(received(report.failure));
          // It has done all: what a thread says just before it ends by itself may get lost.
          void worker.terminate();
        }
      });
      worker.on('error', (error) => fail(threadFailed(error.message, error)));
      worker.on('exit', () => {
        signal.removeEventListener('abort', stop);
        if (written === undefined) fail(threadFailed('it ended before its work'));
        clearTimeout(patience);
        if (failure) reject(failure);
        else resolve(written!);
      });
    });
    archive.on('error', fail);
    archive.on('close', () => {
      if (!archive.writableFinished) fail(new Error('The archive stopped in the middle'));
    });
    if (signal.aborted) stop();
    // Whoever waits for the end hears of it; whoever failed before must not bring the process down.
    this.finished.catch(() => undefined);
  }
}
