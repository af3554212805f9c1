/** Whatever a decoder of our own does not do exactly as the BSON library does is left to that. */
export const UNUSUAL = new Error('left to the BSON library');

/** How far ahead a member is looked for: what is in between was left out of the document. */
const AHEAD = 8;
/** Names without end are data (a Map's keys): what was learnt is forgotten then. */
const MOST_MEMBERS = 2_000;
const NO_BYTES = Buffer.alloc(0);

/** Members that were learnt together, and are forgotten together. */
interface Family {
  root: Member;
  size: number;
}

/**
 * A member of documents, with what followed it and what was in it in documents before. Most documents of a
 * collection have the same members in the same order, so that to compare a few bytes is enough to know a name,
 * instead of making the same text over and over. A wrong expectation costs time, never a name.
 */
export class Member {
  next: Member | undefined;
  /** The first member of the documents in it, or in the array in it. */
  first: Member | undefined;

  /** What nothing is known of yet: the documents of a collection, say. */
  static root(): Member {
    const family = { size: 0 } as Family;
    family.root = new Member('', NO_BYTES, family);
    return family.root;
  }

  /** Of its name in bytes, with the NUL that ends it. */
  readonly length: number;
  /** The name's bytes by fours, but for the last four, which may overlap them. */
  private readonly words: number[] = [];
  private readonly last: number;

  private constructor(
    readonly name: string,
    /** UTF-8, ended by NUL. */
    private readonly bytes: Buffer,
    private readonly family: Family,
  ) {
    const { length } = bytes;
    this.length = length;
    for (let index = 0; index + 4 < length; index += 4) this.words.push(bytes.readInt32LE(index));
    this.last = length < 4 ? 0 : bytes.readInt32LE(length - 4);
  }

  /**
   * The member of the documents in this one whose name stands at `at`, before `limit`, where it is not the `expected`
   * one, which follows `previous`. `view` is one of the bytes.
   *
   * @throws UNUSUAL for names that may mean more than a name
   */
  find(
    bytes: Buffer,
    view: DataView,
    at: number,
    limit: number,
    previous: Member | undefined,
    expected: Member | undefined,
  ): Member {
    let ahead = expected?.next;
    for (let steps = 0; ahead && steps < AHEAD; steps += 1) {
      if (ahead.isAt(view, at, limit)) return ahead;
      ahead = ahead.next;
    }
    return this.#learn(bytes, at, previous);
  }

  /** Whether its name stands there, before `limit`. */
  isAt(view: DataView, at: number, limit: number): boolean {
    const { length, words, last } = this;
    if (at + length > limit) return false;
    if (length < 4) return this.#isShortAt(view, at);
    for (let index = 0; index < words.length; index += 1)
      if (view.getInt32(at + 4 * index, true) !== words[index]) return false;
    return view.getInt32(at + length - 4, true) === last;
  }

  #isShortAt(view: DataView, at: number): boolean {
    const { bytes, length } = this;
    for (let index = 0; index < length; index += 1)
      if (bytes[index] !== view.getUint8(at + index)) return false;
    return true;
  }

  #learn(bytes: Buffer, at: number, previous: Member | undefined): Member {
    const end = bytes.indexOf(0, at);
    if (end < 0) throw UNUSUAL;
    const name = internalized(bytes.toString('utf8', at, end));
    // `$ref` and its like make a DBRef, `__proto__` is no member when it is simply set, and where the driver is asked
    // for `fieldsAsRaw: {}`, which it is by default, an array called `constructor` is taken for one of these fields.
    if (name.startsWith('$') || name in Object.prototype) throw UNUSUAL;
    const { family } = this;
    if (family.size >= MOST_MEMBERS) {
      family.size = 0;
      family.root.first = undefined;
    }
    family.size += 1;
    const member = new Member(name, Buffer.from(bytes.subarray(at, end + 1)), family);
    if (previous) {
      member.next = previous.next;
      previous.next = member;
    } else {
      member.next = this.first;
      this.first = member;
    }
    return member;
  }
}

/** The text as objects keep names: setting a member by it needs no search for that then. */
const internalized = (name: string): string => Object.keys({ [name]: 0 })[0] as string;
