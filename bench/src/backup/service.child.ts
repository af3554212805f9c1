import { readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BackupModuleOptions, type BackupService, createBackupService } from '../../../dist/index.js';
import { answering } from '../harness/children.js';

/** What a process of an application is asked to do with its backups. */
export type Question =
  | { readonly open: BackupModuleOptions }
  | { readonly do: 'create' }
  | { readonly do: 'idle'; readonly ms: number }
  | { readonly do: 'verify'; readonly id: string; readonly level: 'hash' | 'archive' }
  | { readonly do: 'restore'; readonly id: string; readonly to: string }
  | { readonly do: 'delete'; readonly id: string };

export interface Answer {
  readonly seconds: number;
  /** Of this process and of the programs that it ran. */
  readonly cpuSeconds: number;
  /** The most that this process held; its programs apart. */
  readonly rssMegabytes: number;
  readonly delayP99Ms: number;
  /** Of the backup that was made. */
  readonly id?: string;
  readonly storedBytes?: number;
  /** Seconds of each phase of a restore. */
  readonly phases?: Readonly<Record<string, number>>;
}

let service: BackupService;

answering(async (asked) => {
  const question = asked as Question;
  if ('open' in question) {
    service = await createBackupService(question.open);
    return {};
  }
  return measured(async () => act(question));
});

async function act(question: Exclude<Question, { open: object }>): Promise<Partial<Answer>> {
  switch (question.do) {
    case 'create': {
      const { id, bytes } = await service.createBackup();
      return { id, ...(bytes === undefined ? {} : { storedBytes: bytes }) };
    }
    case 'idle':
      await sleep(question.ms);
      return {};
    case 'verify': {
      const { good, problem } = await service.verifyBackup(question.id, { level: question.level });
      if (!good) throw new Error(problem);
      return {};
    }
    case 'restore':
      return { phases: await restore(question.id, question.to) };
    case 'delete':
      await service.deleteBackup(question.id);
      return {};
  }
}

/** Seconds from the first word of a phase to that of the next. */
async function restore(id: string, to: string): Promise<Record<string, number>> {
  const begun: [phase: string, at: number][] = [['verify', performance.now()]];
  await service.restoreBackup(id, {
    to,
    onProgress: ({ phase }) => {
      if (begun.at(-1)?.[0] !== phase) begun.push([phase, performance.now()]);
    },
  });
  const end = performance.now();
  return Object.fromEntries(
    begun.map(([phase, at], n) => [phase, ((begun[n + 1]?.[1] ?? end) - at) / 1_000]),
  );
}

async function measured(work: () => Promise<Partial<Answer>>): Promise<Answer> {
  globalThis.gc?.();
  let rss = process.memoryUsage.rss();
  const look = setInterval(() => {
    rss = Math.max(rss, process.memoryUsage.rss());
  }, 20);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const cpu = cpuSeconds();
  const start = performance.now();
  try {
    const found = await work();
    return {
      ...found,
      seconds: (performance.now() - start) / 1_000,
      cpuSeconds: cpuSeconds() - cpu,
      rssMegabytes: rss / 1e6,
      delayP99Ms: delay.percentile(99) / 1e6,
    };
  } finally {
    clearInterval(look);
    delay.disable();
  }
}

/** Linux tells of the programs that have ended, too: in hundredths of a second. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const [childUser = 0, childSystem = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(13, 15)
    .map(Number);
  return (user + system) / 1e6 + (childUser + childSystem) / 100;
}
