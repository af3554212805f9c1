import type { BackupStorage } from '../storage/backup-storage.js';

/** Where backups are kept: the first storage takes new ones, the others get copies. */
export class BackupStorages {
  readonly primary: BackupStorage;
  readonly copies: readonly BackupStorage[];

  constructor(readonly all: readonly [BackupStorage, ...BackupStorage[]]) {
    [this.primary, ...this.copies] = all;
  }

  /** For people. */
  get location(): string {
    return this.all.map(({ location }) => location).join(' and ');
  }
}
