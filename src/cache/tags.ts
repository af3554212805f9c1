import { CacheKeyError } from './cache.errors.js';
import { checkedName } from './engine/key-space.js';

/** What is needed of a Mongoose model to name its tags; every `Model` has it. */
export interface ModelLike {
  modelName: string;
  db: { name: string };
}

/**
 * The tag of a Mongoose model, for `@CacheTags(model(Product))` and everywhere tags are taken: what carries it
 * is dropped by every write to the model and by `clearModelCache`. A name means the model of that name on all
 * connections, a Model means its own connection (known by its database's name).
 */
export function model(of: string | ModelLike): string {
  return `${MODEL}${modelId(of)}`;
}

const MODEL = 'model:';
const WRITES = 'writes:';
const NAME = /^[^\0@]{1,256}$/;

/** `Product`, or `Product@shop` for a Model on the database `shop`. */
function modelId(of: string | ModelLike): string {
  const isName = typeof of === 'string';
  const name: unknown = isName ? of : of?.modelName;
  if (!canBeTagged({ modelName: name }) || (!isName && !of.db)) {
    throw new CacheKeyError('The model', name, 'a Mongoose model or its name');
  }
  return isName ? of : `${of.modelName}@${of.db.name}`;
}

/** Mongoose takes whatever it is given for a name: numbers too, where a discriminator is named by its value. */
export const canBeTagged = ({ modelName }: { modelName: unknown }): boolean =>
  ['string', 'number'].includes(typeof modelName) && NAME.test(String(modelName));

/**
 * Registry tags that an entry carries for a tag given by a user: a model's tag stands for its writes and for
 * its `clearModelCache`, whoever names it by Model or by name; any other is one tag of the namespace `scope`.
 */
export function entryTags(tag: string, scope: string): string[] {
  if (!tag.startsWith(MODEL)) return [userTag(tag, scope)];
  const id = tag.slice(MODEL.length);
  const name = id.split('@', 1)[0] as string;
  return [...new Set([MODEL + name, MODEL + id, WRITES + id])];
}

/** What `entryTags` gives in one namespace: most tags are used again and again. */
export class RegistryTags {
  readonly #known = new Map<unknown, readonly string[]>();

  constructor(private readonly scope: string) {}

  /** @throws CacheKeyError for what is no tag */
  all(tags: readonly string[]): string[] {
    const all: string[] = [];
    for (const tag of tags) all.push(...this.#of(tag));
    return all.slice(); // as long as it has to be: entries keep it
  }

  #of(tag: string): readonly string[] {
    const known = this.#known.get(tag);
    if (known) return known;
    const tags = entryTags(checkedName('The tag', tag), this.scope);
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.set(tag, tags);
    return tags;
  }
}

const MOST_KNOWN = 1_000;

/** The other way round: the tags as users named them, each once. */
export function userTags(registryTags: readonly string[], scope: string): string[] {
  const own = userTag('', scope);
  const named = registryTags.map((tag) => {
    if (tag.startsWith(own)) return tag.slice(own.length);
    return tag.startsWith(WRITES) ? MODEL + tag.slice(WRITES.length) : tag;
  });
  return [...new Set(named)];
}

/** Registry tags that a cached query carries for its model: dropped by `clearModelCache`, not by every write. */
export function queryModelTags(of: ModelLike): string[] {
  return [MODEL + of.modelName, MODEL + modelId(of)];
}

/** Registry tags that a write to a model stamps. */
export function modelWriteTags(of: ModelLike): string[] {
  return [WRITES + of.modelName, WRITES + modelId(of)];
}

/** Registry tags that `clearModelCache` stamps. By Model it also reaches what names the model without a connection. */
export function modelClearTags(of: string | ModelLike): string[] {
  return typeof of === 'string' ? [MODEL + modelId(of)] : [MODEL + modelId(of), WRITES + of.modelName];
}

/** Registry tags that invalidating a user's tag stamps. */
export function invalidationTags(tag: string, scope: string): string[] {
  return tag.startsWith(MODEL) ? [tag] : [userTag(tag, scope)];
}

/** A user's tag in the registry: apart from our own, and apart from the same word in another namespace. */
function userTag(tag: string, scope: string): string {
  return `t:${scope}::${tag}`; // no scope has an empty name in it, so the first `::` ends it
}
