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

  const many = Array.from({ length: 150_000 }, (_, index) => `t${index}`);

  it('asks again for the tags that it had no room for', async () => {
    const registry = new TagRegistry(async (tags) => ({ clock: 9, of: tags.map(() => 7) }));
    registry.goLive();
    registry.learn(7, many);
    expect(registry.verdict([], ['t0'], 8)).toBeUndefined();
    expect(await registry.isValid([], ['t0'], 6)).toBe(false);
    expect(await registry.isValid([], ['t0'], 8)).toBe(true);
  });

  it('believes no answer that is older than what it had to forget', async () => {
    let answer: (stamps: { clock: number; of: number[] }) => void = () => {};
    const registry = new TagRegistry(() => new Promise((resolve) => (answer = resolve)));
    registry.goLive();
    const asked = registry.isValid([], ['victim'], 5);
    await new Promise((resolve) => setImmediate(resolve));
    registry.learn(8, ['victim', ...many]); // it is invalidated, and forgotten, before the answer comes
    answer({ clock: 5, of: [5] });
    await asked;
    expect(registry.verdict([], ['victim'], 6)).not.toBe(true);
  });

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
