import { answering } from '../harness/children.js';
import type { Platform } from './system.js';
import { settingOf } from './systems/all.js';
import { Work, type PageKind } from './work.js';

export type ServerQuestion =
  | {
      readonly open: {
        system: string;
        label: string;
        platform: Platform;
        kind: PageKind;
        mongoUri: string;
        redisUrl: string;
        namespace: string;
      };
    }
  | { readonly usage: true };

export interface OpenAnswer {
  readonly port: number;
  /** What the handler answers, as JSON. */
  readonly expected: string;
}

/** Since the process began. */
export interface Usage {
  /** User and system, all threads. */
  readonly cpuMicroseconds: number;
  /** Of the handler. */
  readonly runs: number;
}

process.env.NODE_ENV = 'production';
let work: Work;

answering(async (asked) => {
  const question = asked as ServerQuestion;
  if ('open' in question) {
    const { system, label, platform, kind, mongoUri, redisUrl, namespace } = question.open;
    work = await Work.of(kind, mongoUri);
    const expected = JSON.stringify(await work.do());
    const port = await settingOf(system, label).open({ platform, redisUrl, namespace, work });
    return { port, expected } satisfies OpenAnswer;
  }
  const { user, system } = process.cpuUsage();
  return { cpuMicroseconds: user + system, runs: work.runs } satisfies Usage;
});
