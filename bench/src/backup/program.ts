import { spawn } from 'node:child_process';
import { once } from 'node:events';

export interface Run {
  readonly seconds: number;
  /** Of all programs of the line, in user and system mode. */
  readonly cpuSeconds: number;
}

/** Runs a line of the shell, and takes its time. */
export async function shell(line: string, values: Readonly<Record<string, string>>): Promise<Run> {
  const script = `set -o pipefail; TIMEFORMAT='took %R %U %S'; time { ${line}; }`;
  const child = spawn('bash', ['-c', script], {
    env: { PATH: process.env['PATH'], ...values },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2_000);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  const [, seconds, user, system] = /took ([\d.]+) ([\d.]+) ([\d.]+)/.exec(said) ?? [];
  if (code !== 0 || seconds === undefined) throw new Error(`${line} ended with ${code}: ${said}`);
  return { seconds: Number(seconds), cpuSeconds: Number(user) + Number(system) };
}
