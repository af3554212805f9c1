import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCache } from '../../src/cache/cache.service.js';
import type { CacheModuleOptions } from '../../src/cache/cache.options.js';
import type { Figures, FromChild, ToChild } from './child.js';
import { perform, type Reply, type Request, type Truth } from './requests.js';

/** A cache that can be asked, in this process or in another. */
export interface Instance {
  ask(request: Request): Promise<Reply>;
  /** Ends without waiting for anything; what is under way has no answer that counts. */
  crash(): Promise<void>;
  end(): Promise<void>;
}

export interface ChildInstance extends Instance {
  figures(): Promise<Figures>;
}

/** One in this process, where `close()`, which waits for nothing, is the nearest to a crash. */
export async function localInstance(options: CacheModuleOptions, truth: Truth): Promise<Instance> {
  const cache = await createCache(options);
  const close = () => cache.close();
  return { ask: (request) => perform(cache, request, truth), crash: close, end: close };
}

const GONE: Reply = { error: 'GONE', state: 'down', journalled: 0, took: 0 };

/** A process with a cache in it, one after another, until it is killed. */
class Child {
  readonly #process: ChildProcess;
  readonly #ready: Promise<unknown>;
  readonly #asked = new Map<number, (reply: unknown) => void>();
  #truth: Truth = () => 0;
  #ids = 0;
  #isOver = false;

  private constructor(compiled: string) {
    this.#process = fork(join(import.meta.dirname, 'child.ts'), {
      execArgv: ['--expose-gc', '--import', join(import.meta.dirname, 'typescript.mjs')],
      env: { ...process.env, FAULT_COMPILED: compiled },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#ready = once(this.#process, 'message');
    this.#process.on('message', (message: FromChild) => void this.#receive(message));
    this.#process.on('exit', () => {
      this.#isOver = true;
      for (const answer of this.#asked.values()) answer(GONE);
    });
  }

  /** `compiled`: a folder that processes share. */
  static async start(compiled: string): Promise<Child> {
    const child = new Child(compiled);
    await child.#ready;
    return child;
  }

  async open(options: CacheModuleOptions, truth: Truth, lent?: string): Promise<void> {
    this.#truth = truth;
    await this.#tell({ do: 'open', options, ...(lent !== undefined && { lent }) });
  }

  ask(request: Request): Promise<Reply> {
    return this.#tell({ do: 'ask', request }) as Promise<Reply>;
  }

  async figures(): Promise<Figures> {
    return (await this.#tell({ do: 'figures' })) as Figures;
  }

  async close(): Promise<void> {
    await this.#tell({ do: 'close' });
  }

  /** kill -9 */
  async kill(): Promise<void> {
    if (this.#isOver) return;
    this.#process.kill('SIGKILL');
    await once(this.#process, 'exit');
  }

  async #tell(message: ToChild): Promise<unknown> {
    if (this.#isOver) return GONE;
    this.#ids += 1;
    const id = this.#ids;
    const answer = new Promise((resolve) => this.#asked.set(id, resolve));
    this.#process.send({ id, ...message }, () => {}); // the callback: a process that has just ended is no error
    const reply = await answer;
    this.#asked.delete(id);
    return reply;
  }

  async #receive(message: FromChild): Promise<void> {
    if ('load' in message) {
      const version = await this.#truth(message.load);
      if (!this.#isOver) this.#process.send({ id: message.id, version }, () => {});
    } else if ('reply' in message) {
      this.#asked.get(message.id)?.(message.reply);
    }
  }
}

/** Processes that are ready before they are needed: to start one takes longer than all that it is then asked. */
export class Children {
  readonly #spare: Promise<Child>[] = [];
  readonly #all = new Set<Promise<Child>>();

  private constructor(
    private readonly compiled: string,
    private readonly spares: number,
  ) {}

  static async start(spares: number): Promise<Children> {
    const children = new Children(await mkdtemp(join(tmpdir(), 'flora-fault-')), spares);
    const first = children.#start(); // compiles for the others
    children.#spare.push(first);
    await first;
    children.#refill();
    return children;
  }

  readonly open = async (
    options: CacheModuleOptions,
    truth: Truth,
    lent?: string,
  ): Promise<ChildInstance> => {
    const child = await (this.#spare.shift() ?? this.#start());
    await child.open(options, truth, lent);
    return {
      ask: (request) => child.ask(request),
      figures: () => child.figures(),
      crash: async () => {
        await child.kill();
        this.#refill();
      },
      end: async () => {
        await child.close();
        this.#spare.push(Promise.resolve(child));
      },
    };
  };

  async end(): Promise<void> {
    await Promise.all([...this.#all].map(async (child) => (await child).kill()));
    await rm(this.compiled, { recursive: true, force: true });
  }

  #refill(): void {
    while (this.#spare.length < this.spares) this.#spare.push(this.#start());
  }

  #start(): Promise<Child> {
    const child = Child.start(this.compiled);
    this.#all.add(child);
    return child;
  }
}
