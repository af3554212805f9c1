import mongoose from 'mongoose';
import { FloraError } from '../index.js';

const PATIENCE = 5_000;

/** Thrown at start when the shop can't work with the MongoDB that MONGO_URI names. */
export class DatabaseCheckError extends FloraError<'DATABASE_UNREACHABLE' | 'NO_TRANSACTIONS'> {}

/** Thrown where none is named and none can be brought. Why not was said when it was looked for. */
export function withoutDatabase(): DatabaseCheckError {
  return new DatabaseCheckError('DATABASE_UNREACHABLE', {
    problem: 'Without MongoDB there is no shop',
    advice: 'set MONGO_URI, or do what is said above',
  });
}

/**
 * Says at once, and in words, what would show later as a failed order.
 *
 * @throws DatabaseCheckError when it does not answer, or has no transactions
 */
export async function checkDatabase(uri: string): Promise<void> {
  const { setName, msg } = await hello(uri);
  if (setName !== undefined || msg === 'isdbgrid') return;
  throw new DatabaseCheckError('NO_TRANSACTIONS', {
    problem: 'The MongoDB that MONGO_URI names is a server by itself',
    expected: 'a replica set (of one will do), since orders are transactions',
    advice: 'start it with --replSet and run rs.initiate() once, or leave MONGO_URI out',
  });
}

async function hello(uri: string): Promise<{ setName?: string; msg?: string }> {
  const client = new mongoose.mongo.MongoClient(uri, { serverSelectionTimeoutMS: PATIENCE });
  try {
    return await client.db().command({ hello: 1 });
  } catch (error) {
    throw new DatabaseCheckError('DATABASE_UNREACHABLE', {
      problem: `The MongoDB that MONGO_URI names can't be used (${(error as Error).message})`,
      advice: 'start it, or leave MONGO_URI out',
      cause: error,
    });
  } finally {
    await client.close();
  }
}
