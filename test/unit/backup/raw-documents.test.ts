import { createRequire } from 'node:module';
import mongoose from 'mongoose';
import { describe, expect, it, vi } from 'vitest';

const mongoose8 = createRequire(import.meta.url)('mongoose-8') as typeof mongoose;

describe.each([
  ['9', mongoose],
  ['8', mongoose8],
])('raw documents in the driver of Mongoose %s', (_, version) => {
  it('arrive as they are', async () => {
    vi.resetModules();
    vi.doMock('mongoose', () => ({ default: version }));
    const { checkRawDocuments, RawDocuments } =
      await import('../../../src/backup/engine/driver/raw-documents.js');
    expect(() => checkRawDocuments()).not.toThrow();
    const { BSON } = version.mongo;
    const documents = Array.from({ length: 1_200 }, (__, index) => ({ _id: index, text: 'x'.repeat(index) }));
    const raw = new RawDocuments(10);
    for (const document of documents) raw.add(Buffer.from(BSON.serialize(document)));

    expect(BSON.deserialize(BSON.serialize({ insert: 'c', documents: raw, ordered: true }))).toEqual({
      insert: 'c',
      documents,
      ordered: true,
    });
  });
});
