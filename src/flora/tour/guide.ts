/** Thrown by a step that is not as it was promised. */
class BrokenPromise extends Error {}

/** What a step has at hand while it is walked. */
export interface Walk {
  /** A line under the step, for what was seen. */
  note: (line: string) => void;
  /** @throws when what was seen is not what was expected; the step, and the tour, then fail */
  expect: (what: string, seen: unknown, expected: unknown) => void;
}

/** Walks step by step, says in plain words what was promised and how long it took, and remembers what was not so. */
export class Guide {
  private readonly begun = performance.now();
  private steps = 0;
  private skipped = 0;
  private broken = 0;

  constructor(
    private readonly say: (line: string) => void,
    private readonly closing: AbortSignal,
  ) {}

  /** What goes wrong in one step does not end the tour. */
  async step(promise: string, walk: (walk: Walk) => Promise<void>): Promise<void> {
    if (this.closing.aborted) return;
    this.steps += 1;
    const notes: string[] = [];
    const begun = performance.now();
    let mark = '✓';
    try {
      await walk({ note: (line) => notes.push(line), expect });
    } catch (error) {
      this.broken += 1;
      mark = '✗';
      notes.push(error instanceof BrokenPromise ? error.message : String((error as Error).stack));
    }
    this.tell(mark, promise, `${Math.round(performance.now() - begun)} ms`);
    for (const note of notes) this.say(`       ${note}`);
  }

  skip(promise: string, reason: string): void {
    if (this.closing.aborted) return;
    this.steps += 1;
    this.skipped += 1;
    this.tell('–', promise, 'skipped');
    this.say(`       ${reason}`);
  }

  /** The last line. Gives whether everything was as promised. */
  end(): boolean {
    const seconds = ((performance.now() - this.begun) / 1_000).toFixed(1);
    if (this.closing.aborted) {
      this.say('\nThe tour was cut off.');
      return false;
    }
    const walked = this.steps - this.skipped;
    const verdict = this.broken === 0 ? 'all as promised' : `${this.broken} NOT as promised`;
    const skipped = this.skipped === 0 ? '' : `, ${this.skipped} skipped`;
    this.say(`\n${walked} steps, ${verdict}${skipped}, in ${seconds} s.`);
    return this.broken === 0;
  }

  private tell(mark: string, promise: string, time: string): void {
    this.say(`  ${String(this.steps).padStart(2)} ${mark} ${promise.padEnd(74)} ${time.padStart(8)}`);
  }
}

function expect(what: string, seen: unknown, expected: unknown): void {
  const [is, should] = [JSON.stringify(seen), JSON.stringify(expected)];
  if (is !== should) throw new BrokenPromise(`${what}: expected ${short(should)}, saw ${short(is)}`);
}

const short = (text: string | undefined): string =>
  text !== undefined && text.length > 300 ? `${text.slice(0, 297)}…` : String(text);
