import { readFile, rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type GuardedProcess, startGuarded } from './guarded-process.js';
import { ServerStartError } from './servers.errors.js';

/** A server of ours on 127.0.0.1. */
export interface RunningServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly version: string;
  /** Ends it; afterwards no process and no file of it is left. */
  stop(): Promise<void>;
  /** Sends a signal, to try faults. After SIGKILL it has ended when this settles, and the port is free again. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** `{ port: '6379' }` is `--port 6379`. */
export type Settings = Record<string, string>;

export interface StartPlan {
  /** For messages. */
  name: string;
  command: string;
  /** Its settings by name, given a port and a folder of its own. It must write `log` into that folder. */
  settings: (port: number, folder: string) => Settings;
  /** What the file `key` of that folder holds, readable for nobody else. */
  key?: string | undefined;
  /** Arguments after those. */
  args?: readonly string[] | undefined;
  /** What its log holds once it serves. Read there, not asked on the port: that may be another's by now. */
  ready: RegExp;
  /** Default: a free one. */
  port?: number | undefined;
}

const READY_WITHIN = 60_000;
const ATTEMPTS = 5;
const PORT_TAKEN = /address already in use|EADDRINUSE/i;

/**
 * Starts a server and waits until it serves. A free port may be taken by another before the server gets it, so
 * that is tried again.
 *
 * @throws ServerStartError
 */
export async function startServer(plan: StartPlan): Promise<{ process: GuardedProcess; port: number }> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await attemptStart(plan, plan.port ?? (await freePort()));
    } catch (error) {
      const again = error instanceof PortTakenError && plan.port === undefined && attempt < ATTEMPTS;
      if (!again) throw new ServerStartError(plan.name, (error as Error).message, error);
    }
  }
}

class PortTakenError extends Error {
  constructor(port: number) {
    super(`another process listens on port ${port}`);
  }
}

async function attemptStart(
  plan: StartPlan,
  port: number,
): Promise<{ process: GuardedProcess; port: number }> {
  const folder = join(tmpdir(), `flora-server-${randomBytes(8).toString('hex')}`);
  let server: GuardedProcess | undefined;
  try {
    const settings = Object.entries(plan.settings(port, folder)).flatMap(([name, value]) => [
      `--${name}`,
      value,
    ]);
    server = await startGuarded(plan.command, [...settings, ...(plan.args ?? [])], folder, plan.key);
    await untilReady(plan, server, folder, port);
    return { process: server, port };
  } catch (error) {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function untilReady(
  { ready }: StartPlan,
  server: GuardedProcess,
  folder: string,
  port: number,
): Promise<void> {
  const deadline = Date.now() + READY_WITHIN;
  const read = (file: string): Promise<string> => readFile(join(folder, file), 'utf8').catch(() => '');
  let ended = false;
  while (Date.now() < deadline && !ended) {
    ended = server.hasEnded; // Before the log is read, so that its last words are.
    if (ready.test(await read('log')) && !ended) return;
    await sleep(20);
  }
  const [output, log] = [await read('output'), await read('log')];
  if (PORT_TAKEN.test(output + log)) throw new PortTakenError(port);
  const problem = ended ? 'it ended' : `it was not ready within ${READY_WITHIN / 1_000} s`;
  throw new Error(`${problem}, with the last words ${JSON.stringify(output.trim() || complaints(log))}`);
}

/** The last errors of a mongod's log; the last lines of one that has none, or of a Redis. */
function complaints(log: string): string {
  const lines = log.trim().split('\n');
  const errors = lines.filter((line) => /"s":"[EF]"/.test(line));
  return (errors.length > 0 ? errors : lines).slice(-3).join('\n').slice(-1_000);
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
