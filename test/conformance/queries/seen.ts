/** All that one can see of an answer, as text: values, and of documents their model, their state and what is populated. */
export const seen = (answer: unknown): string => JSON.stringify(shown(answer)) ?? 'undefined';

interface DocumentLike {
  $isMongooseDocumentPrototype?: boolean;
  constructor: { modelName?: string };
  isNew?: boolean;
  isModified?: () => boolean;
  toJSON(): unknown;
  toObject(options: object): unknown;
  populated?: (path: string) => unknown;
  schema: { eachPath(each: (path: string) => void): void; virtuals: Record<string, unknown> };
  get(path: string): unknown;
}

function shown(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shown);
  if (value instanceof Map) return { map: [...value].map(shown) };
  if (isDocument(value)) return shownDocument(value);
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, shown(each)]));
}

const isDocument = (value: unknown): value is DocumentLike =>
  Boolean((value as DocumentLike | null)?.$isMongooseDocumentPrototype);

function shownDocument(document: DocumentLike): unknown {
  const populated: Record<string, unknown> = {};
  const look = (path: string) => {
    if (document.populated?.(path) !== undefined) populated[path] = shown(document.get(path));
  };
  document.schema.eachPath(look);
  Object.keys(document.schema.virtuals).forEach(look);
  return {
    model: document.constructor.modelName,
    isNew: document.isNew,
    isModified: document.isModified?.(),
    object: shown(document.toObject({ virtuals: true, getters: true, flattenMaps: true })),
    json: document.toJSON(),
    populated,
  };
}
