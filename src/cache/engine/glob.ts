/**
 * Redis's glob (KEYS, SCAN MATCH): `*` any characters, `?` one, `[abc]`, `[a-z]`, `[^x]`, backslash quotes. It is
 * matched here, on the keys as users wrote them, because keys in Redis are percent-encoded.
 */
export function globMatcher(glob: string): (text: string) => boolean {
  const pattern = new RegExp(`^${translated(glob)}$`, 'su');
  return (text) => pattern.test(text);
}

/** What every match begins with: the glob up to its first special character. */
export function literalPrefix(glob: string): string {
  return /^[^*?[\\]*/.exec(glob)?.[0] ?? '';
}

function translated(glob: string): string {
  return glob.replace(
    /\*+|\?|\[(\^?)((?:\\.|[^\]\\])*)\]|\\([\s\S])|[\s\S]/gu,
    (token, negated?: string, members?: string, quoted?: string) => {
      if (token.startsWith('*')) return '.*';
      if (token === '?') return '.';
      if (members !== undefined) return members === '' ? '(?!)' : `[${negated}${memberClass(members)}]`;
      return literal(quoted ?? token);
    },
  );
}

const literal = (char: string): string => char.replace(/[\\^$.*+?()[\]{}|/]/u, String.raw`\$&`);
const member = (char: string): string => (char === '-' ? String.raw`\-` : literal(char));

/** Members of a set, with everything but a range's dash taken literally. */
function memberClass(members: string): string {
  return members.replace(
    /(?:\\([\s\S])|([\s\S]))(?:-(?:\\([\s\S])|([\s\S])))?/gu,
    (_, fromQuoted?: string, from?: string, toQuoted?: string, to?: string) => {
      const low = (fromQuoted ?? from) as string;
      const high = toQuoted ?? to;
      if (high === undefined) return member(low);
      const [first, last] = low <= high ? [low, high] : [high, low]; // as Redis does
      return `${member(first)}-${member(last)}`;
    },
  );
}
