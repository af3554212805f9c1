/** Whatever a decoder of our own does not do exactly as the BSON library does is left to that. */
export const UNUSUAL = new Error('left to the BSON library');

/** How far ahead a member is looked for: what is in between was left out of the document. */
const AHEAD = 8;
/** Names without end are data (a Map's keys): what was learnt is forgotten then. */
const MOST_MEMBERS = 2_000;
const NO_BYTES = new Uint8Array();

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

  private constructor(
    readonly name: string,
    /** UTF-8, ended by NUL. */
    readonly bytes: Uint8Array,
    private readonly family: Family,
  ) {}

  /**
   * The member of the documents in this one whose name stands at `at`, where it is not the `expected` one, which
   * follows `previous`.
   *
   * @throws UNUSUAL for names that may mean more than a name
   */
  find(bytes: Buffer, at: number, previous: Member | undefined, expected: Member | undefined): Member {
    let ahead = expected?.next;
    for (let steps = 0; ahead && steps < AHEAD; steps += 1) {
      if (ahead.isAt(bytes, at)) return ahead;
      ahead = ahead.next;
    }
    return this.#learn(bytes, at, previous);
  }

  /** Whether its name stands there: it does not where the bytes end before it does. */
  isAt(bytes: Buffer, at: number): boolean {
    const name = this.bytes;
    for (let index = 0; index < name.length; index += 1) if (name[index] !== bytes[at + index]) return false;
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
    const member = new Member(name, Uint8Array.from(bytes.subarray(at, end + 1)), family);
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
