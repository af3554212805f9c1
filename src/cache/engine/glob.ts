/**
 * Redis's glob (KEYS, SCAN MATCH): `*` any characters, `?` one, `[abc]`, `[a-z]`, `[^x]`, backslash quotes. It is
 * matched here, on the keys as users wrote them, because keys in Redis are percent-encoded.
 */
export function globMatcher(glob: string): (text: string) => boolean {
  const tokens = parsed(glob);
  return (text) => matches(tokens, Array.from(text));
}

/** The glob that matches this text and nothing else. */
export function quoted(text: string): string {
  return text.replace(/[*?[\]\\]/g, String.raw`\$&`);
}

/** What every match begins with: the glob up to its first special character. */
export function literalPrefix(glob: string): string {
  return /^[^*?[\\]*/.exec(glob)?.[0] ?? '';
}

/** One character's test, or any number of any characters. */
type Token = ((char: string) => boolean) | '*';

/** Tries again from the last `*` only, which is enough: time is text × glob, whatever the glob. */
function matches(tokens: readonly Token[], text: readonly string[]): boolean {
  let at = 0;
  let token = 0;
  let star = -1;
  let afterStar = 0;
  while (at < text.length) {
    const test = tokens[token];
    if (test === '*') {
      star = token;
      afterStar = at;
      token += 1;
    } else if (test?.(text[at] as string)) {
      at += 1;
      token += 1;
    } else if (star >= 0) {
      afterStar += 1;
      at = afterStar;
      token = star + 1;
    } else {
      return false;
    }
  }
  return tokens.slice(token).every((rest) => rest === '*');
}

function parsed(glob: string): Token[] {
  const parts = glob.matchAll(/\*+|\?|\[(\^?)((?:\\.|[^\]\\])*)\]|\\([\s\S])|[\s\S]/gsu);
  return Array.from(parts, ([part, negated, members, quoted]): Token => {
    if (part.startsWith('*')) return '*';
    if (part === '?') return () => true;
    if (members === undefined) return (char) => char === (quoted ?? part);
    const isMember = memberTest(members);
    return (char) => isMember(char) !== (negated === '^');
  });
}

/** Members of a set, with everything but a range's dash taken literally. */
function memberTest(members: string): (char: string) => boolean {
  const parts = members.matchAll(/(?:\\([\s\S])|([\s\S]))(?:-(?:\\([\s\S])|([\s\S])))?/gu);
  const ranges = Array.from(parts, ([, fromQuoted, from, toQuoted, to]) => {
    const first = codeOf(fromQuoted ?? from);
    const last = codeOf(toQuoted ?? to ?? fromQuoted ?? from);
    return [Math.min(first, last), Math.max(first, last)] as const; // either way round, as Redis does
  });
  return (char) => ranges.some(([low, high]) => low <= codeOf(char) && codeOf(char) <= high);
}

const codeOf = (char: string | undefined): number => char?.codePointAt(0) ?? -1;
