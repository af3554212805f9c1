import { describe, expect, it } from 'vitest';
import { namespaceOf } from '../../../src/backup/engine/driver/loaded-namespace.js';

const OPTIONS = '"options":{"collation":{"locale":"fr"}}';

describe('an index on its way to the server', () => {
  it('keeps to having no collation where its collection has one', () => {
    expect(indexIn(`{${OPTIONS},"indexes":[{"v":{"$numberInt":"2"},"name":"a_1"}]}`)).toMatchObject({
      collation: { locale: 'simple' },
    });
  });

  it('of version 1 is given none, which such an index can not have', () => {
    expect(indexIn(`{${OPTIONS},"indexes":[{"v":{"$numberInt":"1"},"name":"a_1"}]}`)).not.toHaveProperty(
      'collation',
    );
  });
});

function indexIn(metadata: string): unknown {
  const declared = new Map(Object.entries({ db: 'shop', collection: 'roses', type: 'collection', metadata }));
  const namespaces = [{ database: 'shop', collection: 'roses' }];
  const namespace = namespaceOf(declared, { namespaces, into: new Map(), unchecked: false });
  return Object.fromEntries(namespace!.indexes[0]!);
}
