import { randomBytes } from 'node:crypto';
import mongoose from 'mongoose';

const { BSON, MongoClient } = mongoose.mongo;

const WORDS =
  'rose tulip lily orchid peony daisy aster iris violet poppy dahlia fern moss ivy bloom petal stem leaf root seed bouquet vase ribbon gift fresh garden summer spring autumn winter'.split(
    ' ',
  );
const BATCH = 1_000;

/** The share of bytes and the documents of each collection of a shop. */
const COLLECTIONS: Readonly<Record<string, readonly [share: number, make: (n: number) => object]>> = {
  products: [
    0.25,
    (n) => ({
      sku: `FL-${n}`,
      name: words(3),
      description: words(60),
      price: BSON.Decimal128.fromString(`${below(200)}.90`),
      stock: below(1_000),
      tags: [words(1), words(1)],
      added: new Date(1.6e12 + n * 1e5),
      size: { height: below(90), width: below(90), unit: 'cm' },
    }),
  ],
  orders: [
    0.3,
    (n) => ({
      number: n,
      customer: new BSON.ObjectId(),
      status: ['new', 'paid', 'sent', 'done'][below(4)],
      lines: Array.from({ length: 1 + below(5) }, () => ({
        sku: `FL-${below(100_000)}`,
        name: words(3),
        count: 1 + below(9),
        price: below(20_000) / 100,
      })),
      address: { street: words(2), city: words(1), zip: String(below(99_999)), country: 'AT' },
      total: below(99_999) / 100,
      at: new Date(1.65e12 + n * 1e4),
    }),
  ],
  events: [
    0.3,
    (n) => ({
      type: ['view', 'click', 'cart', 'buy'][below(4)],
      session: new BSON.ObjectId(),
      path: `/products/${below(9_999)}`,
      at: new Date(1.7e12 + n * 100),
      ms: below(3_000),
      agent: `Mozilla/5.0 (X11; Linux x64) ${below(99)}`,
    }),
  ],
  users: [
    0.1,
    (n) => ({
      email: `user${n}@example.com`,
      name: words(2),
      hash: randomBytes(30).toString('base64'),
      roles: ['customer'],
      created: new Date(1.5e12 + n * 1e6),
      visits: BSON.Long.fromNumber(below(1e6)),
      settings: { theme: 'light', mail: below(2) === 1, language: 'de' },
    }),
  ],
  /** What doesn't compress. */
  pictures: [0.05, (n) => ({ product: n, jpeg: new BSON.Binary(randomBytes(4_000 + below(8_000))) })],
};

/** Fills an empty database. */
export async function seed(uri: string, megabytes: number): Promise<void> {
  const client = await MongoClient.connect(uri);
  const db = client.db();
  try {
    for (const [name, [share, make]] of Object.entries(COLLECTIONS)) {
      let n = 0;
      for (let bytes = 0; bytes < share * megabytes * 1e6;) {
        const documents = Array.from({ length: BATCH }, () => make(n++));
        bytes += BSON.calculateObjectSize({ documents });
        await db.collection(name).insertMany(documents);
      }
    }
    await db.collection('products').createIndex({ sku: 1 }, { unique: true });
    await db.collection('orders').createIndex({ customer: 1, at: -1 });
    await db.collection('events').createIndex({ at: 1 });
    await db.collection('users').createIndex({ email: 1 }, { unique: true });
  } finally {
    await client.close();
  }
}

/** The same numbers in every run. */
let state = 7;
function below(limit: number): number {
  state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
  return state % limit;
}

function words(count: number): string {
  return Array.from({ length: count }, () => WORDS[below(WORDS.length)]).join(' ');
}
