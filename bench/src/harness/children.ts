import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** What a child that failed says, in the place of its answer. */
interface Failure {
  failed: string;
}

/** A process of its own, that answers what it is asked, one thing after the other. */
export class Child {
  readonly #process: ChildProcess;

  constructor(script: URL) {
    this.#process = fork(script, { execArgv: ['--expose-gc'] });
  }

  async ask<Answer>(question: object): Promise<Answer> {
    const asked = new AbortController();
    const { signal } = asked;
    try {
      const ended = once(this.#process, 'exit', { signal }).then(([code]) => {
        throw new Error(`the child process ended with ${code}`);
      });
      const answered = once(this.#process, 'message', { signal });
      this.#process.send(question);
      const [answer] = (await Promise.race([answered, ended])) as [Answer | Failure];
      if (isFailure(answer)) throw new Error(answer.failed);
      return answer;
    } finally {
      asked.abort();
    }
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill();
    await ended;
  }
}

const isFailure = (answer: unknown): answer is Failure =>
  typeof answer === 'object' && answer !== null && 'failed' in answer;

/** The other end: answers each question until it is ended. */
export function answering(answer: (question: unknown) => Promise<object>): void {
  process.on('message', (question) => {
    answer(question).then(
      (answer) => process.send?.(answer),
      (error: unknown) => process.send?.({ failed: (error as Error).message } satisfies Failure),
    );
  });
  process.on('disconnect', () => process.exit());
}
