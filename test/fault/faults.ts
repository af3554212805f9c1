import type { Ground } from './ground.js';

/** Something that befalls Redis or the wire to it, under load, and goes by. */
export interface Fault {
  name: string;
  begin: (ground: Ground) => Promise<unknown>;
  mend: (ground: Ground) => Promise<unknown>;
  /** It befalls the wire, not the server. */
  onWire?: true;
  /** What was counted is gone with it. */
  losesData?: true;
  /** Milliseconds for which it lasts. */
  lasts?: number;
}

const LASTS = 1_200;

/** The same blow again and again, from the first one to `mend`. */
function repeated(
  name: string,
  every: number,
  blow: (ground: Ground) => Promise<unknown>,
  more: Partial<Fault> = {},
): Fault {
  const underWay = new WeakMap<Ground, { isOver: boolean; ended: Promise<void> }>();
  return {
    name,
    begin: async (ground) => {
      const blows = { isOver: false, ended: Promise.resolve() };
      const strike = async () => {
        while (!blows.isOver) {
          await blow(ground);
          await new Promise((wake) => setTimeout(wake, every));
        }
      };
      blows.ended = strike();
      underWay.set(ground, blows);
    },
    mend: async (ground) => {
      const blows = underWay.get(ground);
      if (!blows) return;
      blows.isOver = true;
      await blows.ended;
    },
    ...more,
  };
}

const slow = (name: string, delay: number, lasts = LASTS): Fault => ({
  name,
  begin: async ({ proxy }) => (proxy.delay = () => delay / 2), // there and back
  mend: async ({ proxy }) => (proxy.delay = () => 0),
  lasts,
  onWire: true,
});

const swallowed = (name: string, way: 'requests' | 'replies', silently: boolean): Fault => ({
  name,
  begin: async ({ proxy }) => proxy.swallow(way),
  mend: async ({ proxy }) => proxy.mend({ silently }),
  onWire: true,
});

export const FAULTS: readonly Fault[] = [
  {
    name: 'killed (SIGKILL)',
    begin: (ground) => ground.kill('SIGKILL'),
    mend: (ground) => ground.startAgain(),
    losesData: true,
  },
  {
    name: 'restarted empty at once',
    begin: async (ground) => {
      await ground.kill('SIGKILL');
      await ground.startAgain();
    },
    mend: async () => {},
    losesData: true,
  },
  {
    name: 'frozen (SIGSTOP)',
    begin: (ground) => ground.kill('SIGSTOP'),
    mend: (ground) => ground.kill('SIGCONT'),
  },
  swallowed('replies lost, then reset', 'replies', false),
  swallowed('requests lost, then reset', 'requests', false),
  swallowed('replies lost, never reset', 'replies', true),
  {
    name: 'cut in mid-reply',
    begin: async ({ proxy }) => proxy.breakOff(),
    mend: async ({ proxy }) => proxy.mend(),
    onWire: true,
  },
  {
    name: 'full (OOM, noeviction)',
    begin: (ground) => ground.tell('CONFIG', 'SET', 'maxmemory', '1'),
    mend: (ground) => ground.tell('CONFIG', 'SET', 'maxmemory', '0'),
  },
  {
    name: 'read-only replica',
    begin: (ground) => ground.tell('REPLICAOF', '127.0.0.1', '1'),
    mend: (ground) => ground.tell('REPLICAOF', 'NO', 'ONE'),
  },
  {
    name: 'password changed',
    begin: async (ground) => {
      await ground.tell('CONFIG', 'SET', 'requirepass', 'another');
      await ground.tell('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      await ground.tell('CLIENT', 'KILL', 'TYPE', 'pubsub');
    },
    mend: (ground) => ground.tell('CONFIG', 'SET', 'requirepass', 'petal'),
  },
  {
    name: 'busy with a script of others',
    begin: async (ground) => {
      await ground.tell('CONFIG', 'SET', 'lua-time-limit', '50');
      const other = await ground.connect();
      void other
        .sendCommand(['EVAL', 'while true do end', '0'])
        .catch(() => {})
        .finally(() => other.destroy());
    },
    mend: (ground) => ground.tell('SCRIPT', 'KILL'),
  },
  {
    name: 'CLIENT PAUSE',
    begin: (ground) => ground.tell('CLIENT', 'PAUSE', String(LASTS), 'ALL'),
    mend: (ground) => ground.tell('PING'), // answered when the pause is over
  },
  slow('slow: 50 ms', 50),
  slow('slow: 2 s', 2_000, 2_400),
  repeated('SCRIPT FLUSH, every 20 ms', 20, (ground) => ground.tell('SCRIPT', 'FLUSH')),
  repeated('FLUSHALL, every 100 ms', 100, (ground) => ground.tell('FLUSHALL'), { losesData: true }),
  repeated('subscriber killed, every 50 ms', 50, (ground) => ground.tell('CLIENT', 'KILL', 'TYPE', 'pubsub')),
  repeated('connections cut, every 200 ms', 200, async ({ proxy }) => proxy.cut('commands', 'messages'), {
    onWire: true,
  }),
];

export const lastsOf = ({ lasts = LASTS }: Fault): number => lasts;
