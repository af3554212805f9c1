import { Application } from '../applications.js';
import { inRounds } from '../rounds.js';
import { type Bench, ENGINES, FLORA, type Outcome, type Part, type Scenario } from '../system.js';

const MOST_ROUNDS = 3;

/** Whether what a process holds grows with what it backs up. */
export const memory: Scenario = {
  id: 'memory',
  kind: 'memory',
  title: 'Memory over ten times the data',
  how: 'createBackup() of a database, and of another of ten times its size, each in a new process; the most that the process itself held.',
  run,
};

async function run(bench: Bench): Promise<Outcome> {
  const { servers } = bench;
  const parts = ENGINES.map((engine): Part => ({
    system: FLORA,
    label: engine,
    differs: [],
    run: async () => {
      const held: number[] = [];
      for (const uri of [servers.tenth, servers.uri]) {
        const application = await Application.open(engine, uri, servers);
        try {
          const { id = '', rssMegabytes } = await application.do({ do: 'create' });
          held.push(rssMegabytes);
          await application.do({ do: 'delete', id });
        } finally {
          await application.end();
        }
      }
      const [tenthMegabytes = 0, wholeMegabytes = 0] = held;
      return { tenthMegabytes, wholeMegabytes };
    },
  }));
  return inRounds(parts, bench, MOST_ROUNDS);
}
