import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MessageLine } from '../../../src/cache/redis/message-line.js';
import type { MessageClient } from '../../../src/cache/redis/topology.js';

type Hear = (message: string, channel: string) => void;

/** Whoever is subscribed hears what is published, as long as messages get through. */
class Bus {
  getsThrough = true;
  opened = 0;
  destroyed = 0;
  readonly #subscribers = new Map<Hear, string[]>();
  readonly breaks = new Set<() => void>();

  async publish(channel: string, message: string): Promise<void> {
    if (!this.getsThrough) return;
    for (const [hear, channels] of this.#subscribers) if (channels.includes(channel)) hear(message, channel);
  }

  connection(): MessageClient {
    this.opened += 1;
    const hears: Hear[] = [];
    return {
      isOpen: true,
      isReady: true,
      on: (event, listener) => event === 'end' && this.breaks.add(listener),
      off: () => {},
      connect: async () => {},
      subscribe: async (channels, hear) => {
        hears.push(hear);
        this.#subscribers.set(hear, channels);
      },
      destroy: () => {
        this.destroyed += 1;
        for (const hear of hears) this.#subscribers.delete(hear);
      },
    };
  }
}

describe('The line for messages', () => {
  let bus: Bus;
  let line: MessageLine;
  let events: string[];

  beforeEach(async () => {
    vi.useFakeTimers();
    bus = new Bus();
    events = [];
    line = new MessageLine(
      'bus',
      async () => bus.connection(),
      async (name, pulse) => bus.publish(name, pulse),
      {
        onMessage: (message) => events.push(message),
        onLive: () => events.push('live'),
        onLost: () => events.push('lost'),
        onError: () => {},
      },
    );
    line.open();
    await vi.advanceTimersByTimeAsync(10);
  });
  afterEach(async () => {
    await line.close();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it('stays as it is while its pulses come in, which nobody sees', async () => {
    await vi.advanceTimersByTimeAsync(60_000);
    expect(events).toEqual(['live']);
    expect(bus.opened).toBe(1);
    await bus.publish('bus', 'message');
    expect(events).toEqual(['live', 'message']);
  });

  it('is made anew when what is published is not heard, though its connection is well', async () => {
    bus.getsThrough = false;
    await vi.advanceTimersByTimeAsync(3_500);
    expect(events).toEqual(['live', 'lost']);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(events).toEqual(['live', 'lost']); // not live again before a pulse came in
    expect(bus.opened).toBeGreaterThan(5);
    expect(bus.destroyed).toBeGreaterThanOrEqual(bus.opened - 1);
    bus.getsThrough = true;
    await vi.advanceTimersByTimeAsync(1_500);
    await bus.publish('bus', 'message');
    expect(events).toEqual(['live', 'lost', 'live', 'message']);
  });

  it('is made anew also where the messages of others are heard', async () => {
    const publish = bus.publish.bind(bus);
    bus.publish = async () => {}; // of this process
    for (let second = 0; second < 4; second += 1) {
      await publish('bus', 'message');
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(events).toContain('lost');
  });

  it('is not live any more once it is in doubt, until a pulse of since then comes in', async () => {
    const publish = bus.publish.bind(bus);
    const pulses: [string, string][] = [];
    bus.publish = async (channel, pulse) => void pulses.push([channel, pulse]);
    line.pulse();
    line.doubt();
    for (const [channel, pulse] of pulses.splice(0)) await publish(channel, pulse); // it was on its way
    expect(events).toEqual(['live', 'lost']);
    line.pulse();
    for (const [channel, pulse] of pulses.splice(0)) await publish(channel, pulse);
    expect(events).toEqual(['live', 'lost', 'live']);
    expect(bus.opened).toBe(1);
  });

  it('is made anew at once when its connection breaks', async () => {
    for (const breaks of bus.breaks) breaks();
    expect(events).toEqual(['live', 'lost']);
    await vi.advanceTimersByTimeAsync(100);
    expect(events).toEqual(['live', 'lost', 'live']);
    for (const breaks of [...bus.breaks].slice(0, 1)) breaks(); // the old one, once more
    expect(events).toEqual(['live', 'lost', 'live']);
  });

  it('gives up a connection that is never made', async () => {
    await line.close();
    const stuck = { ...bus.connection(), connect: () => new Promise<never>(() => {}) };
    const tried: number[] = [];
    line = new MessageLine(
      'bus',
      async () => (tried.push(Date.now()) === 1 ? stuck : bus.connection()),
      async (name, pulse) => bus.publish(name, pulse),
      { onMessage: () => {}, onLive: () => events.push('late'), onLost: () => {}, onError: () => {} },
    );
    line.open();
    await vi.advanceTimersByTimeAsync(10_500);
    expect(tried).toHaveLength(2);
    expect(events).toEqual(['live', 'late']);
  });
});
