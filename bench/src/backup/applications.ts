import { join } from 'node:path';
import { Child } from '../harness/children.js';
import type { Answer, Question } from './service.child.js';
import type { BackupServers } from './servers.js';
import { type Engine, ENGINES } from './system.js';

const SCRIPT = new URL('./service.child.js', import.meta.url);

/** A process of an application with this package's backups. */
export class Application {
  private constructor(
    readonly engine: Engine,
    private readonly child: Child,
  ) {}

  static async open(engine: Engine, uri: string, { folder, tools }: BackupServers): Promise<Application> {
    const child = new Child(SCRIPT);
    const directory = join(folder, `backups-${engine}`);
    const open = { uri, engine, directory, tools: { directory: tools }, lock: false as const };
    await child.ask({ open } satisfies Question);
    return new Application(engine, child);
  }

  async do(question: Exclude<Question, { open: object }>): Promise<Answer> {
    return this.child.ask<Answer>(question);
  }

  async end(): Promise<void> {
    await this.child.end();
  }
}

/** One application for each engine, which end with the work. */
export async function withApplications<T>(
  servers: BackupServers,
  work: (applications: readonly Application[]) => Promise<T>,
): Promise<T> {
  const open: Application[] = [];
  try {
    for (const engine of ENGINES) open.push(await Application.open(engine, servers.uri, servers));
    return await work(open);
  } finally {
    await Promise.all(open.map(async (one) => one.end()));
  }
}
