/** The same numbers in every run; another `BACKUP_SEED` for others. */
export function seeded(name: string): () => number {
  let state = Buffer.from(`${name}${process.env['BACKUP_SEED'] ?? ''}`).reduce(
    (sum, byte) => (sum * 31 + byte) >>> 0,
    7,
  );
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
