import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { BytesOut } from '../../thread/byte-streams.js';
import { sendable, type ThreadMessage, type ThreadReport } from '../../thread/thread-messages.js';
import { type Client, connectToOne, shownFailure } from './driver-connection.js';
import { dumpInto } from './driver-dump.js';
import type { DumpTask } from './dump-thread.js';

function send(report: ThreadReport, transfer: ArrayBuffer[] = []): void {
  parentPort!.postMessage(report, transfer);
}

/** The thread's own side: see DumpThread. */
async function work({ uri, selection, manner, version }: DumpTask): Promise<void> {
  const output = new BytesOut(send);
  let client: Client | undefined;
  parentPort!.on('message', (message: ThreadMessage) => {
    if (message.kind === 'taken') output.taken(message.count);
    else void leave(client);
  });
  try {
    client = await connectToOne(uri, manner.readPreference);
    await dumpInto(client, selection, manner, version, writerTo(output));
    output.end();
    await finished(output);
  } catch (error) {
    send({ kind: 'failure', failure: sendable(shownFailure(error, uri)) });
  }
  await client?.close().catch(() => undefined);
}

/** When the other side wants no more: what a thread says just before it ends by itself may get lost. */
async function leave(client: Client | undefined): Promise<void> {
  await client?.close().catch(() => undefined);
  parentPort!.close();
}

/** Writes to a stream for many, at its pace. */
function writerTo(stream: BytesOut): (bytes: Buffer) => Promise<void> {
  let drained: Promise<unknown> | undefined;
  return async (bytes) => {
    if (stream.write(bytes)) return;
    drained ??= once(stream, 'drain').finally(() => {
      drained = undefined;
    });
    await drained;
  };
}

void work(workerData as DumpTask);
