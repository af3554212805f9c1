import type { ReplayTarget, ReplayWrite } from '../engine/replay-target.js';
import type { ServerSession } from '../engine/database-server.js';
import { type OplogCatalogue, nameIn } from './oplog-catalogue.js';
import type { ReplayStep } from './oplog-entry.js';
import type { OplogReading } from './oplog-reading.js';
import { rawFields, rawWithout } from './raw-document.js';

/** Where a namespace of the backup is replayed; undefined: nowhere, it is not wanted. */
export type Whereto = (
  database: string,
  collection: string,
) => { database: string; collection: string } | undefined;

/** Held back until so many bytes are together, or something else than a write is next. */
const ENOUGH_BYTES = 4 * 1024 * 1024;
const EXPIRY = 'expireAfterSeconds';

/** Proves, entry by entry, that a log can be replayed, and touches nothing. */
export class ReplayCheck {
  constructor(
    private readonly reading: OplogReading,
    private readonly target: Pick<ReplayTarget, 'carries'>,
  ) {}

  get catalogue(): OplogCatalogue {
    return this.reading.catalogue;
  }

  /** @throws Error that says what can't be replayed */
  entry(bytes: Buffer): void {
    for (const step of this.reading.read(bytes))
      if (!documentsOf(step).every((document) => this.target.carries(document)))
        throw new Error(`a document of ${nameIn(step)} that would not arrive as it is`);
  }

  end(): void {
    this.reading.end();
  }
}

/** Replays a log, entry by entry, under other names. */
export class Replay {
  private held: ReplayWrite[] = [];
  private bytes = 0;

  /** @param expiring false: nothing that makes the server delete documents by age is done */
  constructor(
    private readonly reading: OplogReading,
    private readonly session: ServerSession,
    private readonly whereto: Whereto,
    private readonly expiring = true,
  ) {}

  get catalogue(): OplogCatalogue {
    return this.reading.catalogue;
  }

  async entry(bytes: Buffer): Promise<void> {
    for (const step of this.reading.read(bytes)) {
      const place = this.whereto(step.database, step.collection);
      if (!place) continue;
      if (step.kind === 'write') await this.hold({ ...step, ...place });
      else {
        await this.flush();
        await this.change(step, place);
      }
    }
  }

  async end(): Promise<void> {
    await this.flush();
    this.reading.end();
  }

  private async hold({ op, database, collection, o, o2 }: ReplayWrite): Promise<void> {
    // Copies: the memory they are in is used again.
    const write = { op, database, collection, o: Buffer.from(o), o2: o2 && Buffer.from(o2) };
    this.held.push(write);
    this.bytes += o.length + (o2?.length ?? 0);
    if (this.bytes >= ENOUGH_BYTES) await this.flush();
  }

  private async flush(): Promise<void> {
    const writes = this.held;
    this.held = [];
    this.bytes = 0;
    if (writes.length > 0) await this.session.replay.write(writes);
  }

  private async change(
    step: Exclude<ReplayStep, { kind: 'write' }>,
    { database, collection }: { database: string; collection: string },
  ): Promise<void> {
    const { replay } = this.session;
    if (step.kind === 'drop') return this.session.drop(database, collection);
    const command = this.expiring ? step.command : rawWithout(step.command, [EXPIRY]);
    if (step.kind === 'create') return replay.createCollection(database, collection, command);
    if (rawFields(command).size > 1) await replay.changeCollection(database, collection, command);
  }
}

function documentsOf(step: ReplayStep): readonly Buffer[] {
  if (step.kind === 'drop') return [];
  if (step.kind !== 'write') return [step.command];
  return step.o2 ? [step.o, step.o2] : [step.o];
}
