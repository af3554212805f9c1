import { reasonOf } from '../harness/left-out.js';
import { type Contender, interleaved } from '../harness/rounds.js';
import { type LeftOut, nameOf, type Row } from '../result.js';
import type { Bench, Outcome, Part } from './system.js';

/** Each part once in each round; what it says of a round becomes a sample of each figure. */
export async function inRounds(
  parts: readonly Part[],
  { systems, pace }: Bench,
  most: number,
): Promise<Outcome> {
  const taking = parts.filter(({ system }) => systems.includes(system));
  const rounds = Math.min(pace.rounds, most);
  const contenders: Contender<Readonly<Record<string, number>>>[] = taking.map(({ run }) => ({ slot: run }));
  const slots = await interleaved(contenders, { ...pace, rounds });
  const rows: Row[] = [];
  const leftOut: LeftOut[] = [];
  for (const [n, { system, label, differs }] of taking.entries()) {
    const wrong = contenders[n]?.wrong;
    const name = { system: system.name, label };
    if (wrong === undefined)
      rows.push({ ...name, differs, aside: false, samples: samplesOf(slots[n] ?? []) });
    else leftOut.push({ name: nameOf(name), reason: reasonOf(wrong) });
  }
  return { rows, leftOut, rounds };
}

function samplesOf(slots: readonly Readonly<Record<string, number>>[]): Record<string, number[]> {
  const metrics = Object.keys(slots[0] ?? {});
  return Object.fromEntries(metrics.map((metric) => [metric, slots.map((slot) => slot[metric] as number)]));
}
