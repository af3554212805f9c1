import { Injectable } from '@nestjs/common';
import type { Backup } from './backup.js';
import { BackupError } from './backup.errors.js';
import { BackupOptions } from './backup.options.js';
import { BackupCatalogue } from './catalogue.js';

/** Whether there is a good backup that is young enough; in the shape that health checks are put together from. */
export interface BackupHealth {
  readonly status: 'up' | 'down';
  /** Why it is down; absent when it is up. */
  readonly message?: string;
  /** The newest good backup of the database. */
  readonly lastGood?: { readonly id: string; readonly createdAt: string; readonly ageSeconds: number };
  readonly staleAfterSeconds: number;
}

/** Says when the last good backup is too old. */
@Injectable()
export class BackupHealthCheck {
  constructor(
    private readonly options: BackupOptions,
    private readonly catalogue: BackupCatalogue,
  ) {}

  /** Never rejects because of a storage: that is bad health, too. */
  async look(): Promise<BackupHealth> {
    const { database, staleAfterMs, clock } = this.options;
    const now = clock.now();
    try {
      const newest = await this.catalogue.newest((backup) => standsFor({ database }, backup, now));
      return judge(newest?.createdAt && { id: newest.id, createdAt: newest.createdAt }, staleAfterMs, now);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      return { status: 'down', message: error.message, staleAfterSeconds: staleAfterMs / 1_000 };
    }
  }
}

/**
 * True for a good backup that holds all of what is asked about: that of the whole instance does, that of some
 * collections only where no others are asked about. What is dated later was made by a clock that went wrong.
 */
export function standsFor(
  asked: { readonly database: string; readonly collections?: readonly string[] | undefined },
  { status, database, collections: some, createdAt }: Backup,
  now: number,
): boolean {
  const isOfIt = database === asked.database || database === '*';
  const holdsAll = some === undefined || asked.collections?.every((name) => some.includes(name)) === true;
  return status === 'good' && isOfIt && holdsAll && createdAt !== undefined && createdAt.getTime() <= now;
}

export function judge(
  newest: { id: string; createdAt: Date } | undefined,
  staleAfterMs: number,
  now: number,
): BackupHealth {
  const staleAfterSeconds = staleAfterMs / 1_000;
  if (!newest) return { status: 'down', message: 'There is no good backup.', staleAfterSeconds };
  const ageMs = now - newest.createdAt.getTime();
  const ageSeconds = Math.round(ageMs / 1_000);
  const lastGood = { id: newest.id, createdAt: newest.createdAt.toISOString(), ageSeconds };
  if (ageMs <= staleAfterMs) return { status: 'up', lastGood, staleAfterSeconds };
  const message = `The last good backup is ${ageSeconds} seconds old, more than ${staleAfterSeconds}.`;
  return { status: 'down', message, lastGood, staleAfterSeconds };
}
