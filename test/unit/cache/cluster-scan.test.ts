import { ErrorReply } from 'redis';
import { describe, expect, it } from 'vitest';
import { scan } from '../../../src/cache/redis/scan.js';
import {
  type Args,
  type MessageClient,
  type SendOptions,
  type Server,
  Topology,
} from '../../../src/cache/redis/topology.js';

const OPTIONS: SendOptions = { typeMapping: {}, timeout: undefined };

interface Master {
  slots: string;
  keys: Set<string>;
}

/** Masters that can be told to change between two commands. */
class Masters extends Topology {
  readonly isCluster = true;
  readonly mayResend = false;
  readonly isReady = true;
  /** Runs after so many pages were read. */
  afterPage = new Map<number, () => void>();
  refuses = false;
  #pages = 0;

  constructor(
    private readonly all: Record<string, Master>,
    /** Those that the client knows. */
    private known = Object.keys(all),
  ) {
    super();
  }

  know(): void {
    this.known = Object.keys(this.all);
  }

  servers(): Server[] {
    return this.known.map((address) => ({ address, send: async (args) => this.#answer(address, args) }));
  }

  #answer(address: string, [command]: Args): unknown {
    if (command === 'CLUSTER') {
      if (this.refuses) throw new ErrorReply('NOPERM');
      return Object.entries(this.all)
        .map(
          ([id, { slots }]) =>
            `${id} 127.0.0.1:1@2 ${id === address ? 'myself,' : ''}master - 0 0 1 connected ${slots}`,
        )
        .join('\n');
    }
    const keys = [...(this.all[address] as Master).keys];
    this.#pages += 1;
    this.afterPage.get(this.#pages)?.();
    return ['0', keys];
  }

  connect(): void {}
  reconnect(): void {}
  async send(): Promise<unknown> {
    return undefined;
  }
  async messages(): Promise<MessageClient | undefined> {
    return undefined;
  }
  async close(): Promise<void> {}
}

const found = async (masters: Masters): Promise<Set<string>> => {
  const names = new Set<string>();
  for await (const page of scan(masters, '*', OPTIONS)) for (const name of page) names.add(name);
  return names;
};

describe('A scan of a cluster', () => {
  const three = () => ({
    a: { slots: '0-99', keys: new Set(['1']) },
    b: { slots: '100-199', keys: new Set(['2']) },
    c: { slots: '200-299', keys: new Set(['3']) },
  });

  it('asks every master once while nothing moves', async () => {
    const masters = new Masters(three());
    masters.afterPage.set(4, () => expect.unreachable());
    expect(await found(masters)).toEqual(new Set(['1', '2', '3']));
  });

  it('finds a key whose slot has moved to a master that was asked before', async () => {
    const all = three();
    const masters = new Masters(all);
    masters.afterPage.set(1, () => {
      all.c.keys.delete('3');
      all.a.keys.add('3');
      [all.a.slots, all.c.slots] = ['0-99 299', '200-298'];
    });
    expect(await found(masters)).toEqual(new Set(['1', '2', '3']));
  });

  it('finds a key that has moved ahead of its slot', async () => {
    const all = three();
    [all.a.slots, all.c.slots] = ['0-99 [299-<-c]', '200-299 [299->-a]'];
    const masters = new Masters(all);
    masters.afterPage.set(1, () => {
      all.c.keys.delete('3');
      all.a.keys.add('3');
    });
    expect(await found(masters)).toEqual(new Set(['1', '2', '3']));
  });

  it('takes no chance where it may not ask what moves', async () => {
    const all = three();
    const masters = new Masters(all);
    masters.refuses = true;
    masters.afterPage.set(1, () => {
      all.c.keys.delete('3');
      all.a.keys.add('3');
    });
    expect(await found(masters)).toEqual(new Set(['1', '2', '3']));
  });

  it('fails where slots are at a server that the client does not know', async () => {
    const all = { ...three(), d: { slots: '300', keys: new Set(['4']) } };
    const masters = new Masters(all, ['a', 'b', 'c']);
    await expect(found(masters)).rejects.toThrow(/not known yet/);
    masters.know();
    expect(await found(masters)).toEqual(new Set(['1', '2', '3', '4']));
  });
});
