import { FloraError } from '../../errors.js';

/** A command line that can't be understood. */
export class UsageError extends FloraError<'INVALID_USAGE'> {
  constructor(problem: string, advice: string) {
    super('INVALID_USAGE', { problem, advice });
  }
}

/** The one that was probably meant; undefined when none is near. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  const near = words
    .map((each) => ({ each, far: each.startsWith(word) && word.length > 1 ? 1 : distance(word, each) }))
    .toSorted((a, b) => a.far - b.far)[0];
  return near && near.far <= Math.min(2, Math.floor(word.length / 2)) ? near.each : undefined;
}

/** How many letters must be put in, taken out or changed. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [at, letter] of a.split('').entries()) {
    const next = [at + 1];
    for (const [to, other] of b.split('').entries())
      next.push(Math.min(row[to + 1]! + 1, next[to]! + 1, row[to]! + (letter === other ? 0 : 1)));
    row = next;
  }
  return row.at(-1)!;
}
