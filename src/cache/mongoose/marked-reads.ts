import type { Model } from 'mongoose';
import { shown } from '../../errors.js';
import type { Marked } from './cacheable-read.js';
import { queryPolicy, withSchemaDefaults, type SchemaDefaults } from './query-policy.js';
import { readerOf } from './reader.js';

/**
 * How a marked read is answered: undefined where it is not to be cached, or its connection is not attached.
 *
 * @throws QueryCacheError for options that can't be used
 */
export function markedReads(
  model: Model<unknown> | undefined,
  operation: string,
  given: unknown,
  schemaDefaults?: SchemaDefaults,
): Marked | undefined {
  const reader = model && readerOf(model.db);
  if (!reader) return undefined;
  const policy = queryPolicy(
    given,
    withSchemaDefaults(reader.defaults, schemaDefaults),
    `${model.modelName}.${operation}().cache(${briefly(given)})`,
  );
  return policy && { model, policy, reads: reader.reads };
}

const briefly = (given: unknown): string =>
  given === undefined || typeof given === 'object' ? '' : shown(given);
