/** What every error of this package tells: what was wrong, what was expected, what to do. */
export interface ErrorStory {
  /** What was wrong, as one clause without a full stop. Never holds a secret. */
  problem: string;
  /** What would have been right. */
  expected?: string;
  /** What the reader can do about it. */
  advice?: string;
  cause?: unknown;
}

/**
 * Base of all errors thrown by this package. `code` is stable and meant for programs, `message` for people.
 */
export abstract class FloraError<Code extends string = string> extends Error {
  readonly code: Code;

  constructor(code: Code, story: ErrorStory) {
    super(tell(story), story.cause === undefined ? undefined : { cause: story.cause });
    this.code = code;
    this.name = new.target.name;
  }
}

function tell({ problem, expected, advice }: ErrorStory): string {
  const parts = [problem, expected && `expected ${expected}`, advice].filter(Boolean);
  return `${parts.join('; ')}.`;
}

/** A value as it may stand in an error message: short, on one line, never an object's insides. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value);
  if (value === null || ['number', 'boolean', 'undefined', 'bigint'].includes(typeof value))
    return String(value);
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/**
 * Strips user and password of every URI in a text, so that it can be logged. Greedy up to the last `@`: a password
 * may hold anything, a slash that should have been escaped included.
 */
export function withoutCredentials(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s"'`]*@/gi, '$1***@');
}
