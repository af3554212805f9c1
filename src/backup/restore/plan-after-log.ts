import { extendedJsonOf, fromExtendedJson } from '../archive/extended-json.js';
import { BackupError } from '../backup.errors.js';
import { nameOf } from '../create/dump-plan.js';
import type { OplogCatalogue, OplogNamespace } from '../oplog/oplog-catalogue.js';
import { reasonToSkip, type RestorePlan, type RestoreStep, wayOf } from './restore-plan.js';

/**
 * What is to be put in place when the log has been replayed: without what it drops, with what it makes.
 *
 * @param to the database that was asked for
 * @param text a document as canonical Extended JSON
 * @throws BackupError RESTORE_REFUSED where the log makes a second database and there is only one to restore into
 */
export function planAfterLog(
  plan: RestorePlan,
  catalogue: OplogCatalogue,
  to: string | undefined,
  text: (document: Buffer) => string,
): RestorePlan {
  const kept = plan.steps.flatMap((step): RestoreStep[] => {
    const found = catalogue.find(step.source.database, step.source.collection);
    if (found?.type !== step.source.type) return [];
    return [found.view ? { ...step, metadata: viewMetadata(text(found.view)) } : step];
  });
  if (!plan.whole) return { ...plan, steps: kept };
  const names = new Set(kept.map(({ source }) => nameOf(source)));
  const made = catalogue.all().filter((one) => !names.has(nameOf(one)) && !reasonToSkip(one));
  const single = plan.steps[0]?.source.database;
  if (to !== undefined && made.some(({ database }) => database !== single))
    throw new BackupError('RESTORE_REFUSED', {
      problem:
        'Several databases can not be restored into one, and during the dump another one came into being',
      advice: 'choose the collections of one with `collections`, or leave `to` out',
    });
  return { ...plan, steps: [...kept, ...made.map((one) => stepFor(one, to ?? one.database, text))] };
}

function stepFor(made: OplogNamespace, target: string, text: (document: Buffer) => string): RestoreStep {
  const { database, collection, type, view } = made;
  const source = { database, collection, type, dataCollection: collection };
  return {
    source: { ...source, documents: 0, bytes: 0, crc64: '0000000000000000', indexes: [] },
    database: target,
    collection,
    way: wayOf(made),
    metadata: view ? viewMetadata(text(view)) : '{}',
  };
}

/** The definition of a view as an archive has it. */
function viewMetadata(definition: string): string {
  const options = fromExtendedJson(definition);
  options.delete('_id');
  return extendedJsonOf(new Map<string, unknown>([['options', options]]));
}
