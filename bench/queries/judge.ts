import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { groups } from '../../test/conformance/queries/all.js';
import type { CacheUnderTest } from '../../test/conformance/queries/query-cache.js';

export interface Question {
  group: string;
  name: string;
  database: string;
}

export interface Verdict {
  outcome: 'kept' | 'broken' | 'not offered' | 'not asked';
  why?: string;
}

export interface Judged extends Verdict {
  group: string;
  name: string;
}

interface Servers {
  mongoUrl: string;
  redisUrl: string;
}

/**
 * A cache that takes longer for a case has not kept what it promises. What had no answer is asked once more, with
 * more patience: some cases start processes, and the machine may be busy.
 */
const LONGEST = [20_000, 90_000];

/** Puts all cases to a cache, one after the other; a process that ends or hangs is replaced. */
export async function judge(underTest: CacheUnderTest, servers: Servers): Promise<Judged[]> {
  const judged: Judged[] = [];
  let child: ChildProcess | undefined;
  try {
    for (const { name: group, cases } of groups) {
      if (child) end(child);
      child = undefined;
      for (const { name } of cases) {
        let verdict: Verdict | undefined;
        for (const longest of LONGEST) {
          child ??= await start(underTest, servers);
          const database = `compare-${randomBytes(6).toString('hex')}`;
          verdict = await put(child, { group, name, database }, longest);
          if (verdict) break;
          end(child);
          child = undefined;
        }
        judged.push({ group, name, ...(verdict ?? { outcome: 'broken', why: 'no answer' }) });
      }
    }
  } finally {
    if (child) end(child);
  }
  return judged;
}

async function start({ module, variant }: CacheUnderTest, { mongoUrl, redisUrl }: Servers) {
  const child = fork(join(import.meta.dirname, 'judge.child.ts'), [module, variant, mongoUrl, redisUrl], {
    execArgv: [...process.execArgv, '--import', 'reflect-metadata'],
    stdio: ['ignore', 'ignore', process.env.COMPARE_DEBUG ? 'inherit' : 'ignore', 'ipc'],
  });
  await once(child, 'message');
  return child;
}

async function put(child: ChildProcess, question: Question, longest: number): Promise<Verdict | undefined> {
  const over = new AbortController();
  const verdict = once(child, 'message', over).then(([verdict]) => verdict as Verdict);
  const ended = once(child, 'exit', over).then(() => undefined);
  const late = sleep(longest, undefined, over);
  child.send(question);
  try {
    return await Promise.race([verdict, ended, late]);
  } finally {
    for (const one of [verdict, ended, late]) one.catch(() => {});
    over.abort();
  }
}

function end(child: ChildProcess): void {
  if (child.connected) child.disconnect();
  setTimeout(() => child.kill('SIGKILL'), 1_000).unref();
}
