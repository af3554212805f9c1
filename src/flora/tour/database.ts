import { createHash } from 'node:crypto';
import mongoose from 'mongoose';

type Client = InstanceType<typeof mongoose.mongo.MongoClient>;

/** The shop's database, seen from outside: what happens here, the shop is not told. */
export class Database {
  private constructor(private readonly client: Client) {}

  static async connect(uri: string): Promise<Database> {
    return new Database(await mongoose.mongo.MongoClient.connect(uri, { serverSelectionTimeoutMS: 5_000 }));
  }

  /** One hash over every byte of every document, and over the names of all indexes. */
  async fingerprint(): Promise<string> {
    const hash = createHash('sha256');
    for (const name of await this.collections()) {
      const collection = this.client.db().collection(name);
      const indexes = await collection.indexes();
      hash.update(JSON.stringify([name, indexes.map((index) => String(index.name)).sort()]));
      const documents = collection.find({}, { raw: true }).sort({ _id: 1 });
      for await (const bytes of documents) hash.update(bytes as unknown as Buffer);
    }
    return hash.digest('hex');
  }

  async documents(): Promise<number> {
    const names = await this.collections();
    const counts = await Promise.all(names.map((name) => this.client.db().collection(name).countDocuments()));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** Ids of all orders of a customer. */
  async ordersOf(customerNumber: number): Promise<string[]> {
    const customer = await this.client.db().collection('customers').findOne({ number: customerNumber });
    const orders = this.client.db().collection('orders').find({ customer: customer?._id });
    return (await orders.toArray()).map(({ _id }) => _id.toHexString());
  }

  async priceOf(product: string): Promise<number> {
    const _id = new mongoose.Types.ObjectId(product);
    return Number((await this.client.db().collection('products').findOne({ _id }))?.['priceCents']);
  }

  /** What a tired hand can do with two lines. */
  async damage(): Promise<void> {
    await this.client.db().collection('orders').drop();
    await this.client
      .db()
      .collection('products')
      .updateMany({}, { $set: { priceCents: 1 } });
  }

  async drop(): Promise<void> {
    await this.client.db().dropDatabase();
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  private async collections(): Promise<string[]> {
    const collections = await this.client.db().listCollections({}, { nameOnly: true }).toArray();
    // Where a restore keeps its lock is not the shop's data.
    return collections
      .map(({ name }) => name)
      .filter((name) => !name.startsWith('flora_backup.'))
      .sort();
  }
}
