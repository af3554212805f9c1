import { describe, expect, it } from 'vitest';
import { TagRegistry } from '../../../src/cache/engine/tag-registry.js';

describe('The mirror of the registry', () => {
  const away = async (): Promise<never> => {
    throw new Error('the store is away');
  };

  it.each(['goLive', 'goCold'] as const)(
    'keeps what was invalidated without the store when only messages come or go: %s',
    async (change) => {
      const registry = new TagRegistry(away);
      registry.goAlone(Date.now());
      const asOf = await registry.asOf();
      registry.stampAlone(['t']);
      registry[change]();
      expect(registry.verdict([], ['t'], asOf)).toBe(false);
      expect(registry.verdict([], ['t'], await registry.asOf())).toBe(true);
      registry.stampAlone(['u']);
      expect(registry.verdict([], ['u'], asOf)).toBe(false);
    },
  );

  it('says nothing of what it does not know while messages may be missed', async () => {
    const registry = new TagRegistry(async (tags) => ({ clock: 9, of: tags.map(() => 5) }));
    expect(registry.verdict([], ['t'], 9)).toBeUndefined();
    expect(registry.clock).toBeUndefined();
    expect(await registry.isValid([], ['t'], 5)).toBe(true);
    expect(await registry.isValid([], ['t'], 4)).toBe(false);
    expect(registry.verdict([], ['t'], 9)).toBeUndefined();
    registry.goLive();
    expect(await registry.isValid([], ['t'], 5)).toBe(true);
    expect(registry.verdict([], ['t'], 4)).toBe(false);
    registry.learn(7, ['t']);
    expect(registry.verdict([], ['t'], 6)).toBe(false);
  });
});
