import { finished, pipeline } from 'node:stream/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { BytesIn } from '../../thread/byte-streams.js';
import { sendable, type ThreadOrder } from '../../thread/thread-messages.js';
import { connect, shownFailure } from './driver-connection.js';
import { DriverLoad } from './driver-load.js';
import type { LoadReport, LoadTask } from './load-thread.js';

function send(report: LoadReport): void {
  parentPort!.postMessage(report, []);
}

/** The thread's own side: see LoadThread. */
async function work({ uri, selection }: LoadTask): Promise<void> {
  const input = new BytesIn((message) => send(message as LoadReport));
  let load: DriverLoad | undefined;
  parentPort!.on('message', (message: ThreadOrder) => {
    if (message.kind === 'bytes') input.arrived(message.pieces);
    else if (message.kind === 'end') input.ended();
    else if (load) load.destroy(new Error('It was stopped'));
    // Not connected yet: nothing was written, and nobody waits for a server that may not be there.
    else process.exit();
  });
  try {
    const client = await connect(uri, 'primaryPreferred');
    load = new DriverLoad(client, selection);
    try {
      await pipeline(input, load);
    } finally {
      await finished(load).catch(() => undefined);
      await client.close().catch(() => undefined);
    }
    send({ kind: 'written', documents: load.written });
  } catch (error) {
    send({ kind: 'failure', failure: sendable(shownFailure(error, uri)) });
  }
}

void work(workerData as LoadTask);
