import { createClient, RESP_TYPES } from 'redis';
import { newLikeness } from '../../../../dist/cache/mongoose/bson/documents.js';
import { decodePayload, documentPayload, documentsPayload } from '../../../../dist/cache/mongoose/result.js';
import { filterOf, PAGES, type Page } from '../pages.js';
import type { Ground, Setting, Subject, System } from '../system.js';
import { connected } from './connected.js';

/** Gives what a hit gives, or less. */
type Decode = (payload: Buffer) => unknown;
type Mongoose = Awaited<ReturnType<typeof connected>>['mongoose'];

/** What stands below every hit in Redis: one GET of the answer's bytes, and what is made of them. */
export const floor: System = {
  name: 'floor',
  packages: ['redis', 'bson'],
  settings: [
    setting('GET only', ['bytes, no objects'], () => (payload) => payload),
    setting('GET, bson.deserialize', ['no query'], withBson),
    setting('GET, our decoder', ['no query'], withOurs),
  ],
};

function setting(
  label: string,
  differs: readonly string[],
  decoderOf: (mongoose: Mongoose) => Decode,
): Setting {
  return {
    label,
    role: 'floor',
    shapes: ['lean'],
    differs,
    open: async (ground) => open(ground, decoderOf),
  };
}

/** As a hit does: what documents of the collection are like is learnt from all that were read. */
function withOurs({ mongo }: Mongoose): Decode {
  const likeness = newLikeness();
  return (payload) => decodePayload(payload, mongo.BSON, {}, likeness);
}

/** The first byte of a payload says what follows. */
function withBson({ mongo }: Mongoose): Decode {
  const options = { allowObjectSmallerThanBufferSize: true };
  return (payload) => {
    const documents = [];
    for (let index = 1; index < payload.length; index += payload.readInt32LE(index)) {
      documents.push(mongo.BSON.deserialize(payload, { ...options, index }));
    }
    return payload[0] === SINGLE ? documents[0] : documents;
  };
}

const SINGLE = documentPayload(null)[0];

async function open(
  { mongoUri, redisUrl, namespace }: Ground,
  decoderOf: (mongoose: Mongoose) => Decode,
): Promise<Subject> {
  const { mongoose, products, disconnect } = await connected(mongoUri);
  // The default, an AbortSignal for each command, costs several times what the command does.
  const client = await createClient({ url: redisUrl, commandOptions: { timeout: 0 } }).connect();
  const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  const decode = decoderOf(mongoose);
  const keyOf = ({ size, n }: Page) => `${namespace}:${size}:${n}`;
  const store = async (page: Page) => {
    const found = products.collection.find(filterOf(page), { raw: true }).sort({ position: 1 });
    const documents = (await found.limit(page.size).toArray()) as unknown as Uint8Array[];
    const payload =
      page.size === 1 ? documentPayload(documents[0] as Uint8Array) : documentsPayload(documents);
    await client.set(keyOf(page), payload);
  };
  for (const size of [1, 10, 100] as const) {
    for (let n = 0; n < PAGES; n++) await store({ size, n, shape: 'lean' });
  }
  return {
    read: async (page) => decode((await bytes.get(keyOf(page))) as Buffer),
    close: async () => {
      client.destroy();
      await disconnect();
    },
  };
}
