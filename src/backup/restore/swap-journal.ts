import { BackupError } from '../backup.errors.js';
import type { Note, ServerSession } from '../engine/database-server.js';
import { ownerMark, ownerState } from '../process-owner.js';
import type { RestoreWay } from './restore-plan.js';
import { journalName, scratchPrefix } from './scratch.js';

/**
 * How far a swap has come, and so what is to be done when its process dies:
 * - `placing`: time series are being loaded in place, nothing else was touched: what was placed goes away again;
 * - `forward`: all is proved beside: whoever comes finishes it;
 * - `back`: something stood in the way of a restore without `force`: whoever comes takes it back;
 * - `clean`: done or taken back: only scratch is left.
 */
export type SwapState = 'placing' | 'forward' | 'back' | 'clean';

export interface SwapStep {
  readonly database: string;
  readonly collection: string;
  readonly way: RestoreWay;
  /** Of a view: its definition, as the archive has it. */
  readonly metadata?: string;
}

/** All that is needed to finish a swap, or to take it back, without the backup. */
export interface SwapRecord {
  readonly mark: string;
  readonly state: SwapState;
  /** The process that is at it; empty when it has given up. */
  readonly owner: string;
  /** Where it holds the locks of its databases: whoever gets them there may take over. Empty: it holds none. */
  readonly locks: string;
  /** Fencing token: who takes over writes a higher one, and whatever the one before still writes is refused. */
  readonly token: number;
  readonly replace: boolean;
  /** Collections first, then the views over them. */
  readonly steps: readonly SwapStep[];
  /** The last step that was begun; -1 before the first. */
  readonly at: number;
  /** Indexes of the steps whose namespaces were loaded in place. */
  readonly placed: readonly number[];
}

/** Swaps of this process that are under way. */
const underWay = new Set<string>();

/** The durable record of one swap, in a collection of its own beside what is restored. */
export class SwapJournal {
  private isOver = false;

  private constructor(
    private readonly session: ServerSession,
    private readonly home: string,
    private now: SwapRecord,
  ) {}

  static async open(
    session: ServerSession,
    record: Omit<SwapRecord, 'owner' | 'at' | 'placed'>,
  ): Promise<SwapJournal> {
    const [home] = databasesOf(record);
    const begun = { ...record, owner: ownerMark(), at: -1, placed: [] };
    underWay.add(record.mark);
    try {
      await session.writeNote(home!, journalName(record.mark), { ...begun });
    } catch (error) {
      underWay.delete(record.mark);
      throw error;
    }
    return new SwapJournal(session, home!, begun);
  }

  /** Takes over what another left. Undefined when it is there no more, or another was quicker. */
  static async takeOver(
    session: ServerSession,
    home: string,
    record: SwapRecord,
    token: number,
  ): Promise<SwapJournal | undefined> {
    const mine = { owner: ownerMark(), token: Math.max(token, record.token + 1) };
    const where = { mark: record.mark, token: record.token };
    if (!(await session.writeNote(home, journalName(record.mark), mine, where))) return undefined;
    underWay.add(record.mark);
    return new SwapJournal(session, home, { ...record, ...mine });
  }

  get record(): SwapRecord {
    return this.now;
  }

  get prefix(): string {
    return scratchPrefix(this.now.mark);
  }

  /**
   * Writes down what is about to be done, before it is done.
   *
   * @throws BackupError LOCK_LOST when another process has taken over
   */
  async write(change: Partial<Pick<SwapRecord, 'state' | 'at' | 'placed'>>): Promise<void> {
    const { mark, token } = this.now;
    const isOurs = await this.session.writeNote(this.home, journalName(mark), { ...change }, { mark, token });
    if (!isOurs)
      throw new BackupError('LOCK_LOST', {
        problem: 'Another process took this restore over while this one did not move, and ends it',
        advice: 'look at the target before restoring again',
      });
    this.now = { ...this.now, ...change };
  }

  /** Ends it: nothing is left to be done. */
  async close(): Promise<void> {
    await this.session.drop(this.home, journalName(this.now.mark));
    this.isOver = true;
    underWay.delete(this.now.mark);
  }

  /** Leaves it to the next one, unless it is closed. That this can't be written down makes the next one wait, no more. */
  async leave(): Promise<void> {
    if (this.isOver) return;
    const { mark, token } = this.now;
    underWay.delete(mark);
    const where = { mark, token };
    await this.session.writeNote(this.home, journalName(mark), { owner: '' }, where).catch(() => undefined);
  }
}

export async function readSwap(
  session: ServerSession,
  database: string,
  collection: string,
): Promise<SwapRecord | undefined> {
  return (await session.readNote(database, collection)) as (Note & SwapRecord) | undefined;
}

/** True when whoever was at a swap is at it no more. Where another machine was, that can't be known. */
export function isLeft({ owner, mark }: SwapRecord): boolean {
  if (owner === '') return true;
  return owner === ownerMark() ? !underWay.has(mark) : ownerState(owner) === 'dead';
}

/** Sorted, each once: in this order their locks are taken. */
export function databasesOf({ steps }: Pick<SwapRecord, 'steps'>): string[] {
  return [...new Set(steps.map(({ database }) => database))].sort();
}
