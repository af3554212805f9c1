import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createInterface } from 'node:readline';

/**
 * The guard: a shell that makes the folder and starts the server, and once its own input closes ends the server and
 * removes the folder again. The folder is the guard's from its first moment: no ending of this process leaves it.
 * The input is a pipe to this process, which the system closes however this process ends, by kill -9 too. Server
 * and guard are in a session of their own, so that Ctrl-C in a terminal does not reach them before this process.
 */
const GUARD = `
folder=$1; shift
mkdir -m 700 "$folder" || exit
exec 3<&0
read -r key <&3 || { rm -rf "$folder"; exit; }
(umask 077; printf %s "$key" >"$folder/key")
"$@" </dev/null >"$folder/output" 2>&1 3<&- &
server=$!
trap '' INT TERM HUP PIPE
echo $server
{ read -r _ <&3; kill -9 $server; } >/dev/null 2>&1 &
watch=$!
wait $server
kill -9 $watch
echo ended
read -r _ <&3
rm -rf "$folder"`;

/** A server's process, which never outlives this one, with a folder that goes when it is stopped. */
export interface GuardedProcess {
  readonly pid: number;
  readonly hasEnded: boolean;
  /** Ends the process at once, removes the folder, and waits until that is done. */
  stop(): Promise<void>;
  /** Sends a signal. After SIGKILL the process has ended when this settles; the folder stays until `stop`. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

/** Starts a program that uses a folder of its own, which must not be there yet; `key` is in its file of that name. */
export async function startGuarded(
  command: string,
  args: string[],
  folder: string,
  key = '',
): Promise<GuardedProcess> {
  const guard = spawn('/bin/sh', ['-c', GUARD, 'guard', folder, command, ...args], {
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  const guardGone = once(guard, 'close');
  guard.stdin.on('error', () => {}); // The guard may be gone before its input is closed.
  guard.stdin.write(`${key}\n`);
  // Kept from the first moment on: a server that ends at once is told of in the same breath as its id.
  const said = createInterface(guard.stdout)[Symbol.asyncIterator]();
  const pid = Number((await said.next()).value);
  if (Number.isNaN(pid)) await guardGone.then(() => Promise.reject(new Error('its guard ended')));
  let hasEnded = false;
  const ended = said.next().then(() => void (hasEnded = true));
  // A process that forgets to stop its servers still ends when it has nothing else to do, and they with it.
  const handles = [guard, guard.stdin as Socket, guard.stdout as Socket];
  for (const handle of handles) handle.unref();
  const hold = async (event: Promise<unknown>): Promise<void> => {
    for (const handle of handles) handle.ref();
    await event;
    for (const handle of handles) handle.unref();
  };

  return {
    pid,
    get hasEnded() {
      return hasEnded;
    },
    async stop() {
      guard.stdin.end();
      await hold(guardGone);
    },
    async kill(signal) {
      if (!hasEnded) process.kill(pid, signal);
      if (signal === 'SIGKILL') await hold(ended);
    },
  };
}
