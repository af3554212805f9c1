import { SwapFailedError } from '../backup.errors.js';
import { nameOf } from '../create/dump-plan.js';
import type { NamespaceType } from '../archive/archive-summary.js';
import { metadataOf, type RestoreWork } from './load-beside.js';
import type { RestoreStep } from './restore-plan.js';

/**
 * Puts what was loaded beside into its place: collections first, one rename each, then the views over them.
 *
 * @param present what was there before, by `database.collection`
 * @param replace false: fail where something is there by now
 * @throws SwapFailedError once the first is in its place; before that, whatever went wrong
 */
export async function swap(
  work: RestoreWork,
  present: ReadonlyMap<string, NamespaceType>,
  replace: boolean,
): Promise<void> {
  const order = [
    ...work.steps.filter(({ way }) => way === 'swap'),
    ...work.steps.filter(({ way }) => way === 'view'),
  ];
  for (const [index, step] of order.entries()) {
    try {
      if (step.way === 'view') await remake(work, step, replace);
      else await takePlace(work, step, present.get(nameOf(step)) === 'view', replace);
    } catch (error) {
      if (index === 0) throw error;
      throw new SwapFailedError(order.slice(0, index).map(nameOf), order.slice(index).map(nameOf), error);
    }
  }
}

async function takePlace(
  { session, prefix }: RestoreWork,
  { database, collection }: RestoreStep,
  overView: boolean,
  replace: boolean,
): Promise<void> {
  // A view can't be the target of a rename; it holds no data.
  if (overView) await session.drop(database, collection);
  await session.rename(database, prefix + collection, collection, replace);
}

async function remake(work: RestoreWork, step: RestoreStep, replace: boolean): Promise<void> {
  const { database, collection } = step;
  if (replace) await work.session.drop(database, collection);
  await work.session.createView(database, collection, metadataOf(work, step));
}
