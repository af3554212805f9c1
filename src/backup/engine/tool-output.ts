/**
 * The last lines that a tool wrote. All of it is read, so that the tool never waits; little of it is kept, because a
 * restore may write a line for every document.
 */
export class LastLines {
  private lines: string[] = [];
  private rest = '';

  add(text: string): void {
    const lines = (this.rest + text).split('\n');
    this.rest = lines.pop()!.slice(0, LONGEST_LINE);
    this.lines = [...this.lines, ...lines.map((line) => line.slice(0, LONGEST_LINE))].slice(-KEPT);
  }

  /** The reason a tool gives for its failure: its last line that begins with `Failed:`, else its last line. */
  reason(): string {
    const lines = this.all().map(withoutTime);
    return (
      lines.findLast((line) => line.startsWith('Failed: '))?.slice(8) ?? lines.at(-1) ?? 'it gave no reason'
    );
  }

  /** What mongorestore says at its end; undefined when it doesn't. */
  restored(): { restored: number; failed: number } | undefined {
    const line = this.all().findLast((line) => TOTAL.test(line));
    const [, restored, failed] = TOTAL.exec(line ?? '') ?? [];
    return line === undefined ? undefined : { restored: Number(restored), failed: Number(failed) };
  }

  private all(): string[] {
    return [...this.lines, this.rest].filter((line) => line.trim() !== '');
  }
}

const KEPT = 50;
const LONGEST_LINE = 2_000;
const TOTAL = /(\d+) document\(s\) restored successfully\. (\d+) document\(s\) failed to restore\./;

function withoutTime(line: string): string {
  return line.replace(/^\d{4}-\d{2}-\d{2}T\S+\s+/, '');
}
