import { readdir, readFile } from 'node:fs/promises';

export interface Seen {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
}

/** The processes of this host, by the kernel's word. */
export async function processes(): Promise<Seen[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
      const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return { pid: Number(pid), parent: Number(parent), name, gone: stat === '' || state === 'Z' };
    }),
  );
  return found.filter(({ gone }) => !gone);
}

/** A child of this process, or of the one given, by the name of its program. */
export async function childOf(name: string, parent = process.pid): Promise<number | undefined> {
  return (await processes()).find((seen) => seen.name === name && seen.parent === parent)?.pid;
}

/** Waits until something is so; the test's own timeout ends the wait. */
export async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await new Promise((wake) => setTimeout(wake, 10));
}
