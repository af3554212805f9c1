import { BackupError } from '../backup.errors.js';
import { MANIFEST_NAME } from '../manifest.js';
import { OWNER_MARK, ownerMark, ownerState } from '../process-owner.js';
import { type BackupDraft, BackupStorage, type DraftPurpose, type StoredBackup } from './backup-storage.js';
import { MARK, S3Bucket, type S3Object } from './s3-bucket.js';
import { checkS3Options, type S3Options } from './s3-options.js';
import { DELETED, S3Draft, S3StoredBackup } from './s3.draft.js';

/** `ID/.draft~OWNER`, `ID/.copy~OWNER`: a backup, or the copy of one, in the making, and whose it is. */
const DRAFT = new RegExp(`^\\.(draft|copy)~(${OWNER_MARK})$`);
const OURS = /^(manifest\.json|archive(\.[a-z0-9]+)*|\.deleted|\.(draft|copy)~.*)$/;
/** A draft of another host that has not shown a sign of life for so long is given up. */
const GIVEN_UP_AFTER_MS = 10 * 60_000;
/** An upload that nobody has gone on with for so long is removed. */
const ABANDONED_AFTER_MS = 24 * 60 * 60_000;

/**
 * Backups in a bucket: the objects under `PREFIX/ID/`. A bucket has no rename, so a backup is there from the moment
 * that its manifest is: stored last, and only where there is none (`If-None-Match`). A mark says whose a draft is,
 * another that a backup is being deleted; the manifest goes first then. What a copy that broke off has sent stays as an
 * unfinished upload, which is no object, until it is gone on with or a day is over.
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

  async begin(id: string, purpose: DraftPurpose = 'new'): Promise<BackupDraft> {
    if ((await this.bucket.list(`${id}/`)).length > 0) throw this.taken(id);
    const mark = `${id}/.${purpose === 'copy' ? 'copy' : 'draft'}~${ownerMark()}`;
    if (!(await this.bucket.putNew(mark, MARK))) throw this.taken(id);
    return new S3Draft(this.bucket, id, mark, purpose);
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
    const drafts = new Set<string>();
    for (const [id, names] of grouped(await this.bucket.list())) {
      const marks = [...names.values()].filter(({ name }) => ownerOf(name) !== undefined);
      const over = marks.filter((mark) => isOver(mark));
      if (marks.length > over.length) drafts.add(id);
      if (names.has(DELETED)) await this.empty(id);
      else if (over.length === 0) continue;
      else if (names.has(MANIFEST_NAME) || drafts.has(id)) await this.bucket.remove(over.map(nameOf));
      else await this.giveUp(id);
      removed.push(id);
    }
    return [...removed, ...(await this.removeAbandoned(drafts))];
  }

  /** Uploads of copies that nobody has gone on with, and of drafts whose mark is gone. */
  private async removeAbandoned(drafts: ReadonlySet<string>): Promise<string[]> {
    const before = Date.now() - ABANDONED_AFTER_MS;
    const uploads = (await this.bucket.uploads()).filter(({ name, begun }) => {
      const [id = '', ...rest] = name.split('/');
      return begun.getTime() < before && !drafts.has(id) && OURS.test(rest.join('/'));
    });
    await this.bucket.abort(uploads);
    return uploads.map(nameOf);
  }

  /** A draft whose owner is dead, or seems to be: one that commits it after all sees the mark, or is seen here. */
  private async giveUp(id: string): Promise<void> {
    await this.bucket.putNew(`${id}/${DELETED}`, MARK);
    const names = await this.bucket.list(`${id}/`);
    if (names.some(({ name }) => name === `${id}/${MANIFEST_NAME}`))
      return this.bucket.remove([`${id}/${DELETED}`]);
    await this.empty(
      id,
      names.every(({ name }) => !name.startsWith(`${id}/.copy~`)),
    );
  }

  /** Only what is ours goes, the manifest first and the marks last. */
  private async empty(id: string, withUploads = true): Promise<void> {
    if (withUploads) await this.bucket.abort(await this.bucket.uploads(`${id}/`));
    const names = (await this.bucket.list(`${id}/`)).map(({ name }) => name.slice(id.length + 1));
    const ours = names.filter((name) => OURS.test(name) && name !== MANIFEST_NAME);
    const order = [MANIFEST_NAME, ...ours.filter((name) => !name.startsWith('.'))];
    // The one that makes it unseen is the very last.
    const marks = ours.filter((name) => name.startsWith('.') && name !== DELETED);
    await this.bucket.remove([...order, ...marks, DELETED].map((name) => `${id}/${name}`));
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

function ownerOf(name: string): string | undefined {
  return DRAFT.exec(name.slice(name.indexOf('/') + 1))?.[2];
}

function isOver({ name, changed }: S3Object): boolean {
  const state = ownerState(ownerOf(name)!);
  return state === 'elsewhere' ? Date.now() - changed.getTime() > GIVEN_UP_AFTER_MS : state === 'dead';
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
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
