const LENGTH = 32;

/** A key as bytes, or what is wrong with it in words that don't tell any of it. */
export function keyBytes(found: unknown): Uint8Array | string {
  if (found === undefined || found === null || found === '') return 'it is not there';
  if (typeof found === 'string') return judged(fromText(found));
  if (!(found instanceof Uint8Array)) return `it is a ${typeof found}`;
  // A file may hold the bytes or their text.
  if (found.length === LENGTH) return judged(found);
  return judged(fromText(Buffer.from(found).toString('latin1')));
}

function fromText(text: string): Uint8Array | undefined {
  const word = text.trim();
  if (/^[0-9a-f]{64}$/i.test(word)) return Buffer.from(word, 'hex');
  return /^[A-Za-z0-9+/_-]{43}=?$/.test(word) ? Buffer.from(word, 'base64') : undefined;
}

function judged(bytes: Uint8Array | undefined): Uint8Array | string {
  if (bytes?.length !== LENGTH) return 'it is no key of 256 bits';
  return new Set(bytes).size < 8 ? 'its bytes are not random' : bytes;
}
