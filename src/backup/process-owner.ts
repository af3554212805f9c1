import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Marks what a process leaves behind when it is killed, so that a later one can tell the remains of the dead from
 * the work of the living: machine, process id and start of the process, `5f0c1e7a-4711-83920`. Made of letters,
 * digits and dashes, so that it can be part of a file's or a collection's name.
 */
export const OWNER_MARK = '[0-9a-f]{8}-[0-9]+-[0-9]+';

/** - `elsewhere`: of another machine or container, or a system that doesn't tell: nobody here can know. */
export type OwnerState = 'alive' | 'dead' | 'elsewhere';

/** The mark of this process. */
export function ownerMark(): string {
  return `${machine()}-${process.pid}-${startOf(process.pid) ?? 0}`;
}

export function ownerState(mark: string): OwnerState {
  const [owner, pid, start] = mark.split('-');
  if (owner !== machine()) return 'elsewhere';
  if (!isRunning(Number(pid))) return 'dead';
  const now = startOf(Number(pid));
  // Process ids are used again: only with the start of the process they mean the same one.
  if (now === undefined || start === '0') return Number(pid) === process.pid ? 'alive' : 'elsewhere';
  return now === start ? 'alive' : 'dead';
}

/** A process id means nothing outside its host, its boot and its container. */
function machine(): string {
  const parts = [hostname(), orNothing(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'))];
  parts.push(orNothing(() => readlinkSync('/proc/self/ns/pid')));
  return createHash('sha256').update(parts.join('|')).digest('hex').slice(0, 8);
}

/** In ticks since boot, where the system tells (Linux). */
function startOf(pid: number): string | undefined {
  const stat = orNothing(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The second field is the program's name, which may hold spaces and brackets; the start is the 22nd.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function orNothing(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
