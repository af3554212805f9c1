import { createClient, RESP_TYPES } from 'redis';
import { newLikeness } from '../../../../dist/cache/mongoose/bson/documents.js';
import { decodePayload, documentPayload, documentsPayload } from '../../../../dist/cache/mongoose/result.js';
import { filterOf, PAGES, queryOf, type Page, type Shape } from '../pages.js';
import type { Ground, Setting, Subject, System } from '../system.js';
import { connected } from './connected.js';

/** Gives what a hit gives, or less. */
type Decode = (payload: Buffer) => unknown;
type Connected = Awaited<ReturnType<typeof connected>>;

/** What stands below every hit in Redis: one GET of the answer's bytes, and what is made of them. */
export const floor: System = {
  name: 'floor',
  packages: ['redis', 'bson'],
  settings: [
    setting('GET only', 'lean', ['bytes, no objects'], () => (payload) => payload),
    setting('GET, bson.deserialize', 'lean', ['no query'], withBson),
    setting('GET, our decoder', 'lean', ['no query'], withOurs),
    {
      label: 'hydrate only',
      role: 'floor',
      shapes: ['hydrated'],
      differs: ['no query, no bytes; callers share values'],
      open: openHydrating,
    },
    setting('GET, our decoder, hydrate', 'hydrated', ['no query'], hydratedFromOurs),
  ],
};

function setting(
  label: string,
  shape: Shape,
  differs: readonly string[],
  decoderOf: (on: Connected) => Decode,
): Setting {
  return {
    label,
    role: 'floor',
    shapes: [shape],
    differs,
    open: async (ground) => open(ground, decoderOf),
  };
}

/** As a hit does: what documents of the collection are like is learnt from all that were read. */
function withOurs({ mongoose: { mongo } }: Connected): Decode {
  const likeness = newLikeness();
  return (payload) => decodePayload(payload, mongo.BSON, {}, likeness);
}

function hydratedFromOurs(on: Connected): Decode {
  const decode = withOurs(on);
  return (payload) => hydrated(on, decode(payload));
}

/** As a query does it with what the driver answers. */
const hydrated = ({ products }: Connected, found: unknown): unknown =>
  Array.isArray(found) ? found.map((one) => products.hydrate(one)) : products.hydrate(found);

/** The first byte of a payload says what follows. */
function withBson({ mongoose: { mongo } }: Connected): Decode {
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
  decoderOf: (on: Connected) => Decode,
): Promise<Subject> {
  const on = await connected(mongoUri);
  const { products, disconnect } = on;
  // The default, an AbortSignal for each command, costs several times what the command does.
  const client = await createClient({ url: redisUrl, commandOptions: { timeout: 0 } }).connect();
  const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
  const decode = decoderOf(on);
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

/** What Mongoose itself does for a hit, once the answer is there as plain objects. */
async function openHydrating({ mongoUri }: Ground): Promise<Subject> {
  const on = await connected(mongoUri);
  const { products, disconnect } = on;
  const found = new Map<string, unknown>();
  for (const size of [1, 10, 100] as const) {
    for (let n = 0; n < PAGES; n++)
      found.set(`${size}:${n}`, await queryOf(products, { size, n, shape: 'lean' }).exec());
  }
  return {
    read: async ({ size, n }) => hydrated(on, found.get(`${size}:${n}`)),
    close: disconnect,
  };
}
