import type * as shared from '../benchmark.js';
import { Child } from '../harness/children.js';
import { reasonOf } from '../harness/left-out.js';
import type { QueryServers } from '../mongoose/servers.js';
import { nameOf, type LeftOut, type Row } from '../result.js';
import type { OpenAnswer, ServerQuestion } from './server.child.js';
import type { Platform, Setting, System } from './system.js';
import type { PageKind } from './work.js';

export type Bench = shared.Bench<QueryServers, System>;
export type Scenario = shared.Scenario<QueryServers, System, Row>;
export type Outcome = shared.Outcome<Row>;

/** A setting of a system that takes part. */
export interface Participant {
  readonly system: System;
  readonly setting: Setting;
}

/** One of its processes, listening. */
export interface Running {
  readonly child: Child;
  readonly url: string;
  readonly expected: string;
}

const SCRIPT = new URL('./server.child.js', import.meta.url);

export const participants = (
  systems: readonly System[],
  takesPart: (setting: Setting) => boolean,
): Participant[] =>
  systems.flatMap((system) => system.settings.filter(takesPart).map((setting) => ({ system, setting })));

export async function start(
  { system, setting }: Participant,
  { mongoUri, redisUrl }: QueryServers,
  { platform, kind }: { platform: Platform; kind: PageKind },
): Promise<Running> {
  const child = new Child(SCRIPT);
  try {
    const namespace = `${system.name}-${setting.label}-${platform}-${kind}`.replaceAll(/[^a-z0-9]+/gi, '-');
    const open = { system: system.name, label: setting.label, platform, kind, mongoUri, redisUrl, namespace };
    const { port, expected } = await child.ask<OpenAnswer>({ open } satisfies ServerQuestion);
    return { child, url: `http://127.0.0.1:${port}`, expected };
  } catch (error) {
    await child.end();
    throw error;
  }
}

export const leftOut = ({ system, setting }: Participant, error: unknown): LeftOut => ({
  name: nameOf({ system: system.name, label: setting.label }),
  reason: reasonOf(error),
});

export const row = ({ system, setting }: Participant, samples: Row['samples']): Row => ({
  system: system.name,
  label: setting.label,
  differs: setting.differs,
  aside: false,
  samples,
});
