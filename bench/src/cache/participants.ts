import { reasonOf } from '../harness/left-out.js';
import type { Item } from './items.js';
import { nameOf, type LeftOut, type Metric, type Row } from './result.js';
import type { Ask, Ground, Setting, Subject, System } from './system.js';

/** A setting of a system, and what it was asked. */
export interface Participant {
  readonly system: System;
  readonly setting: Setting;
  readonly ask: Ask;
}

/** An open one, with the number of times that its factory ran. */
export interface OpenParticipant extends Participant {
  readonly subject: Subject;
  readonly loads: { count: number };
}

/** All settings that answer one of these, each once. */
export function participants(systems: readonly System[], asks: readonly Ask[]): Participant[] {
  const found = new Map<string, Participant>();
  for (const system of systems) {
    for (const ask of asks) {
      for (const setting of system.settings(ask)) {
        const name = nameOf({ system: system.name, label: setting.label });
        if (!found.has(name)) found.set(name, { system, setting, ask });
      }
    }
  }
  return [...found.values()];
}

/** The participant that a child process is told to be. */
export function participant(systems: readonly System[], name: string, ask: Ask): Participant {
  const one = participants(systems, [ask]).find((one) => nameOfParticipant(one) === name);
  if (!one) throw new Error(`there is no ${name}`);
  return one;
}

export const nameOfParticipant = ({ system, setting }: Participant): string =>
  nameOf({ system: system.name, label: setting.label });

export async function openParticipant(
  participant: Participant,
  ground: Pick<Ground, 'url' | 'namespace'>,
): Promise<OpenParticipant> {
  const loads = { count: 0 };
  const load = async (item: Item) => {
    loads.count += 1;
    return item.value;
  };
  const subject = await participant.setting.open({ ...ground, load });
  return { ...participant, subject, loads };
}

/** Opens and prepares each; who can't do what is asked is left out, with the reason. */
export async function openAll(
  all: readonly Participant[],
  url: string,
  prepare: (open: OpenParticipant) => Promise<void>,
): Promise<{ open: OpenParticipant[]; leftOut: LeftOut[] }> {
  const open: OpenParticipant[] = [];
  const leftOut: LeftOut[] = [];
  for (const [index, one] of all.entries()) {
    let opened: OpenParticipant | undefined;
    try {
      opened = await openParticipant(one, { url, namespace: `bench${index}` });
      await prepare(opened);
      open.push(opened);
    } catch (error) {
      leftOut.push({ name: nameOfParticipant(one), reason: reasonOf(error) });
      await opened?.subject.close();
    }
  }
  return { open, leftOut };
}

export function row(
  { system, setting, ask }: Participant,
  samples: Partial<Record<Metric, number[]>>,
  differs: readonly string[] = [],
): Row {
  return {
    system: system.name,
    label: setting.label,
    ask,
    differs: [...setting.differs, ...differs],
    aside: setting.aside ?? false,
    samples,
  };
}

/** The rows of those that nothing was wrong with; the others are added to those left out. */
export function withoutWrong(
  rows: readonly Row[],
  contenders: readonly { readonly wrong?: string | undefined }[],
  leftOut: LeftOut[],
): Row[] {
  return rows.filter((row, n) => {
    const reason = contenders[n]?.wrong;
    if (reason !== undefined) leftOut.push({ name: nameOf(row), reason });
    return reason === undefined;
  });
}
