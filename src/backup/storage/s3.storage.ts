import { BackupError } from '../backup.errors.js';
import { MANIFEST_NAME } from '../manifest.js';
import { OWNER_MARK, ownerMark, ownerState } from '../process-owner.js';
import { type BackupDraft, BackupStorage, type StoredBackup } from './backup-storage.js';
import { MARK, S3Bucket, type S3Object } from './s3-bucket.js';
import { checkS3Options, type S3Options } from './s3-options.js';
import { S3Draft, S3StoredBackup } from './s3.draft.js';

/** `ID/.draft~OWNER`: a backup in the making, and whose it is. */
const DRAFT = new RegExp(`^\\.draft~(${OWNER_MARK})$`);
/** `ID/.deleted`: no backup any more. Anyone may finish it. */
const DELETED = '.deleted';
const OURS = /^(manifest\.json|archive(\.[a-z0-9]+)*|\.deleted|\.draft~.*)$/;
/** A draft of another host that has not shown a sign of life for so long is given up. */
const GIVEN_UP_AFTER_MS = 10 * 60_000;

/**
 * Backups in a bucket: the objects under `PREFIX/ID/`. A bucket has no rename, so a backup is there from the moment
 * that its manifest is: stored last, and only where there is none (`If-None-Match`). A mark says whose a draft is,
 * another that a backup is being deleted; the manifest goes first then.
 */
export class S3Storage extends BackupStorage {
  readonly location: string;
  private readonly bucket: S3Bucket;

  /** @throws BackupError INVALID_OPTIONS */
  constructor(options: S3Options) {
    super();
    this.bucket = new S3Bucket(checkS3Options(options));
    this.location = this.bucket.location;
  }

  async begin(id: string): Promise<BackupDraft> {
    if ((await this.bucket.list(`${id}/`)).length > 0) throw this.taken(id);
    const mark = `${id}/.draft~${ownerMark()}`;
    if (!(await this.bucket.putNew(mark, MARK))) throw this.taken(id);
    return new S3Draft(this.bucket, id, mark);
  }

  async list(): Promise<readonly string[]> {
    const all = grouped(await this.bucket.list());
    return [...all].filter(([, names]) => stateOf(names) !== 'unseen').map(([id]) => id);
  }

  async open(id: string): Promise<StoredBackup> {
    const names = grouped(await this.bucket.list(id)).get(id);
    if (names === undefined || stateOf(names) === 'unseen') throw this.notFound(id);
    if (names.has(''))
      throw new BackupError('BACKUP_DAMAGED', { problem: `${this.location}/${id} is no backup` });
    return new S3StoredBackup(this.bucket, id);
  }

  async delete(id: string): Promise<void> {
    const names = grouped(await this.bucket.list(`${id}/`)).get(id);
    if (names === undefined || stateOf(names) === 'unseen') throw this.notFound(id);
    if (!(await this.bucket.putNew(`${id}/${DELETED}`, MARK))) throw this.notFound(id);
    // Somebody else may have been done in between.
    if ((await this.bucket.size(`${id}/${MANIFEST_NAME}`)) === undefined) {
      await this.bucket.remove([`${id}/${DELETED}`]);
      throw this.notFound(id);
    }
    await this.empty(id);
  }

  async removeLeftovers(): Promise<readonly string[]> {
    const removed: string[] = [];
    for (const [id, names] of grouped(await this.bucket.list())) {
      const over = [...names.values()].filter((object) => this.isOver(object));
      if (names.has(DELETED)) await this.empty(id);
      else if (over.length === 0) continue;
      else if (names.has(MANIFEST_NAME)) await this.bucket.remove(over.map(({ name }) => name));
      else await this.empty(id);
      removed.push(id);
    }
    return removed;
  }

  private isOver({ name, changed }: S3Object): boolean {
    const [, owner] = DRAFT.exec(name.slice(name.indexOf('/') + 1)) ?? [];
    if (owner === undefined) return false;
    const state = ownerState(owner);
    return state === 'elsewhere' ? Date.now() - changed.getTime() > GIVEN_UP_AFTER_MS : state === 'dead';
  }

  /** Only what is ours goes, the manifest first and the marks last. */
  private async empty(id: string): Promise<void> {
    await this.bucket.abortUploads(`${id}/`);
    const names = (await this.bucket.list(`${id}/`)).map(({ name }) => name.slice(id.length + 1));
    const ours = names.filter((name) => OURS.test(name) && name !== MANIFEST_NAME);
    const order = [MANIFEST_NAME, ...ours.filter((name) => !name.startsWith('.'))];
    await this.bucket.remove(
      [...order, ...ours.filter((name) => name.startsWith('.'))].map((name) => `${id}/${name}`),
    );
  }

  private notFound(id: string): BackupError {
    return new BackupError('BACKUP_NOT_FOUND', {
      problem: `There is no backup ${id} in ${this.location}`,
      advice: 'listBackups() gives those there are',
    });
  }

  private taken(id: string): BackupError {
    return new BackupError('STORAGE_UNUSABLE', { problem: `Something is already at ${this.location}/${id}` });
  }
}

/** Objects by the folder they are in; what lies beside the folders has an empty name of its own. */
function grouped(objects: readonly S3Object[]): Map<string, Map<string, S3Object>> {
  const groups = new Map<string, Map<string, S3Object>>();
  for (const object of objects) {
    const [id = '', ...rest] = object.name.split('/');
    if (!groups.has(id)) groups.set(id, new Map());
    groups.get(id)!.set(rest.join('/'), object);
  }
  return groups;
}

/** A draft, or what is being deleted, is seen by nobody. */
function stateOf(names: ReadonlyMap<string, S3Object>): 'seen' | 'unseen' {
  if (names.has(DELETED)) return 'unseen';
  const isDraft = [...names.keys()].some((name) => DRAFT.test(name));
  return isDraft && !names.has(MANIFEST_NAME) ? 'unseen' : 'seen';
}
