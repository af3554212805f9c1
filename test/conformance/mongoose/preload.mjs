// Loaded by mocha before Mongoose's tests, in their process: registers the plugin with the Mongoose of the suite.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createCache, MongooseCachePlugin } from '../../../dist/index.js';

const { SUITE_MODE: mode, SUITE_REDIS: url, SUITE_COUNTS: countsFile } = process.env;
const mongoose = createRequire(join(process.cwd(), 'index.js'))('./index.js');
const { Mongoose, Query, Aggregate } = mongoose;

const counts = { reads: 0 };
const cache = await createCache({
  redis: { url },
  namespace: 'mongoose-suite',
  ...(mode === 'cached-redis' && { memory: false }),
});
const plugin = new MongooseCachePlugin(cache);
plugin.attach(mongoose);
attachAllOthers();
if (mode !== 'attached') markEveryRead();

export async function mochaGlobalTeardown() {
  writeFileSync(countsFile, JSON.stringify({ ...counts, ...cache.stats() }));
  plugin.detach();
  await cache.close();
}

/** Tests make many instances of Mongoose; each is attached when it is first used. */
function attachAllOthers() {
  for (const name of ['connect', 'createConnection', 'model']) {
    const real = Mongoose.prototype[name];
    Mongoose.prototype[name] = function (...args) {
      if (this instanceof Mongoose && Array.isArray(this.connections)) plugin.attach(this);
      return real.apply(this, args);
    };
  }
}

/** Every query and aggregate that reads is as if `.cache()` had been called on it, and is answered twice. */
function markEveryRead() {
  const { exec } = Query.prototype;
  // Asynchronous, and awaiting: V8 follows the chain of awaits where a test looks at the trace of an error.
  Query.prototype.exec = async function (...args) {
    const op = typeof args[0] === 'string' ? args[0] : this.op;
    const unmarked = this.mongooseCollection;
    if (this.model && unmarked && READS.has(op) && !(this._execCount > 0)) this.cache();
    if (this.mongooseCollection === unmarked) return await exec.apply(this, args);
    this.mongooseCollection = asTwice(this.mongooseCollection);
    try {
      return await exec.apply(this, args);
    } finally {
      this.mongooseCollection = unmarked; // what is made from this query later on begins unmarked
    }
  };
  const { exec: aggregateExec } = Aggregate.prototype;
  Aggregate.prototype.exec = async function markedExec(...args) {
    if (this.exec === markedExec && this._model) {
      this.cache();
      try {
        return await this.exec(...args);
      } finally {
        delete this.exec;
      }
    }
    const isStandIn = this.exec !== markedExec && !Object.hasOwn(this, 'exec');
    if (!isStandIn) return await aggregateExec.apply(this, args);
    const model = Object.create(this._model, { collection: { value: asTwice(this._model.collection) } });
    return await aggregateExec.apply(Object.create(this, { _model: { value: model } }), args);
  };
}

const READS = new Set(['find', 'findOne', 'countDocuments', 'estimatedDocumentCount', 'distinct']);

/**
 * In front of what a marked query talks to: asks it twice, so that the second answer comes from the cache where
 * the read can be cached, and gives that one. Hooks and all else around it run once.
 */
function asTwice(collection) {
  const twice = (read) => async () => {
    counts.reads++;
    await read();
    return read();
  };
  const cursor =
    (name) =>
    (...args) => {
      const found = collection[name](...args);
      const isLive = !found.toArray || found.next; // a cursor of the driver, or the promise of one
      return isLive ? found : { toArray: twice(() => found.toArray()) };
    };
  const value =
    (name) =>
    (...args) =>
      twice(() => collection[name](...args))();
  return Object.create(collection, {
    ...Object.fromEntries(['find', 'aggregate'].map((name) => [name, { value: cursor(name) }])),
    ...Object.fromEntries(
      ['findOne', 'countDocuments', 'estimatedDocumentCount', 'distinct'].map((name) => [
        name,
        { value: value(name) },
      ]),
    ),
  });
}
