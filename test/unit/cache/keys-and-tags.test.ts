import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globMatcher } from '../../../src/cache/engine/glob.js';
import { leaseKey, patternMatcher, Scope } from '../../../src/cache/engine/key-space.js';
import { entryTags, model, modelClearTags, modelWriteTags, queryModelTags } from '../../../src/cache/tags.js';

const root = Scope.of('shop');

describe('Keys', () => {
  it('never collide, whatever their text, namespace or space', () => {
    const scopes = [
      root,
      root.child('a'),
      root.child('a').child('b'),
      root.child('a:n:b'),
      root.child('a%3An'),
    ];
    const texts = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
      .filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(fc.uniqueArray(texts, { minLength: 2 }), (names) => {
        const keys = scopes.flatMap((scope) =>
          names.flatMap((name) => [scope.key(name), scope.key(name, 'query'), scope.key(name, 'http')]),
        );
        expect(new Set(keys).size).toBe(keys.length);
      }),
      { seed: 2_026 },
    );
  });

  it('share their cluster slot with their lease: no brace but the one pair of the lease', () => {
    for (const name of ['{a}b', '}{', '{}', 'a{']) {
      const lease = leaseKey(root.child(name).key(name));
      expect(lease.replace(/^l:\{/, '').slice(0, -1)).not.toMatch(/[{}]/);
    }
  });

  it('are judged by the clear tags of all their ancestors', () => {
    expect(root.clearTags).toEqual(['*']);
    expect(root.child('a').child('b').clearTags).toEqual(['*', '*a', '*a:b']);
    expect(root.child('a:b').clearTags).not.toContain('*a:b');
  });
});

describe('Patterns', () => {
  it.each([
    ['bouq*', ['bouquets', 'bouq'], ['xbouq', 'bou']],
    ['r?se', ['rose', 'r/se'], ['rse', 'roose']],
    ['[a-c]1', ['a1', 'c1'], ['d1', '-1']],
    ['[^a]1', ['b1'], ['a1', '1']],
    ['[c-a]', ['b'], ['d']],
    [String.raw`\*`, ['*'], ['a']],
    ['a.b+c', ['a.b+c'], ['axbbc']],
    ['[', ['['], ['a']],
    ['[]x', [], ['x', ']x']],
    ['a\nb*', ['a\nbc'], ['a b']],
    ['👋?', ['👋🌹'], ['👋']],
  ])('%s is what Redis takes it for', (glob, matching, others) => {
    const matches = globMatcher(glob);
    expect(matching.filter((text) => !matches(text))).toEqual([]);
    expect(others.filter((text) => matches(text))).toEqual([]);
  });

  it('are judged in a time that does not depend on how many stars they have', () => {
    const matches = globMatcher(`${'*a'.repeat(40)}*b`);
    expect(matches('a'.repeat(2_000))).toBe(false);
    expect(matches(`${'a'.repeat(2_000)}b`)).toBe(true);
  });

  it('mean the user keys of one namespace, ** those of its children too, and never reserved keys', () => {
    const child = root.child('a');
    const keys = [
      root.key('x'),
      child.key('x'),
      root.key('x', 'query'),
      child.key('x', 'http'),
      'other:v2:k:x',
    ];
    const found = (scope: Scope, glob: string) => keys.filter(patternMatcher(scope.prefix, glob));
    expect(found(root, '*')).toEqual([root.key('x')]);
    expect(found(root, '**')).toEqual([root.key('x'), child.key('x')]);
    expect(found(child, '**')).toEqual([child.key('x')]);
  });
});

describe('The tag of a model', () => {
  const product = { modelName: 'Product', db: { name: 'shop' } };
  const elsewhere = { modelName: 'Product', db: { name: 'other' } };
  const drops = (stamped: string[], carried: string[]) => stamped.some((tag) => carried.includes(tag));

  it('by name follows writes and clears of the model on every connection', () => {
    const page = entryTags(model('Product'), '');
    for (const stamped of [
      modelWriteTags(product),
      modelWriteTags(elsewhere),
      modelClearTags('Product'),
      modelClearTags(product),
    ]) {
      expect(drops(stamped, page)).toBe(true);
    }
    expect(drops(modelWriteTags({ ...product, modelName: 'Products' }), page)).toBe(false);
  });

  it('by Model follows its own connection only, and a clear by name', () => {
    const page = entryTags(model(product), '');
    expect(drops(modelWriteTags(product), page)).toBe(true);
    expect(drops(modelClearTags(product), page)).toBe(true);
    expect(drops(modelClearTags('Product'), page)).toBe(true);
    expect(drops(modelWriteTags(elsewhere), page)).toBe(false);
    expect(drops(modelClearTags(elsewhere), page)).toBe(false);
  });

  it('of a cached query follows clears, not writes: those it knows more exactly', () => {
    const query = queryModelTags(product);
    expect(drops(modelClearTags('Product'), query)).toBe(true);
    expect(drops(modelClearTags(product), query)).toBe(true);
    expect(drops(modelClearTags(elsewhere), query)).toBe(false);
    expect(drops(modelWriteTags(product), query)).toBe(false);
  });

  it('never meets a tag of the same text that a user made in a namespace', () => {
    expect(entryTags('roses', 'a')).not.toEqual(entryTags('roses', ''));
    expect(drops(entryTags('writes:Product', ''), modelWriteTags(product))).toBe(false);
    expect(entryTags('c', root.child('a').child('b').name)).not.toEqual(
      entryTags('b:c', root.child('a').name),
    );
    expect(entryTags(':c', root.child('a').name)).not.toEqual(entryTags('c', root.child('a').name));
  });

  it.each([undefined, '', 'a\0b', {}, { modelName: 7 }])('is refused for %s', (of) => {
    expect(() => model(of as string)).toThrow(/expected a Mongoose model or its name/);
  });
});
