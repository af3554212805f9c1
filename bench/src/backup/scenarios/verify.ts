import { type Application, withApplications } from '../applications.js';
import { inRounds } from '../rounds.js';
import type { BackupServers } from '../servers.js';
import { type Bench, FLORA, type Outcome, type Part, type Scenario } from '../system.js';

/** What it takes to know that a backup is right. */
export const verify: Scenario = {
  id: 'verify',
  kind: 'verify',
  title: 'Verify a backup',
  how: 'verifyBackup() of one backup: `hash` hashes the stored bytes; `archive` also unpacks them, walks, counts and checksums every document. Speed is in bytes of BSON.',
  run,
};

async function run(bench: Bench): Promise<Outcome> {
  return withApplications(bench.servers, async ([application]) => {
    const { id = '' } = await application!.do({ do: 'create' });
    const parts = (['hash', 'archive'] as const).map((level) => part(bench.servers, application!, id, level));
    return inRounds(parts, bench, 5);
  });
}

function part(
  { bytes }: BackupServers,
  application: Application,
  id: string,
  level: 'hash' | 'archive',
): Part {
  return {
    system: FLORA,
    label: level,
    differs: [],
    run: async () => {
      const { seconds, cpuSeconds, rssMegabytes } = await application.do({ do: 'verify', id, level });
      return { seconds, cpuSeconds, speed: bytes / 1e6 / seconds, rssMegabytes };
    },
  };
}
