import { describe, expect, it } from 'vitest';
import mongoose from 'mongoose';
import {
  collectionsOf,
  fixedIds,
  readTags,
  writeOfPipeline,
  writeTags,
  writtenIds,
} from '../../../src/cache/mongoose/dependencies.js';
import type { Read } from '../../../src/cache/mongoose/read.js';

const { ObjectId, Decimal128, Long, Double, Int32, UUID } = mongoose.mongo.BSON;
const id = new ObjectId();
const tagsOf = (read: Read) => {
  const collections = collectionsOf(read, 'products');
  return collections && readTags(read, 'shop', { collections });
};
const find = (filter: unknown) => tagsOf({ operation: 'find', filter, options: {} }) ?? [];
const aggregate = (...pipeline: unknown[]) => tagsOf({ operation: 'aggregate', pipeline, options: {} });
const write = (ids?: unknown[], collection = 'products') =>
  writeTags({ database: 'shop', collection, ...(ids && { ids }) });
const drops = (written: string[], read: string[]) => written.some((tag) => read.includes(tag));

describe('a write drops every read that it may have changed', () => {
  it('reads of the collection, whatever was written', () => {
    expect(drops(write([id]), find({ category: 'plants' }))).toBe(true);
    expect(drops(write(), find({}))).toBe(true);
  });

  it('reads by _id: when this document was written, or nobody knows which', () => {
    expect(drops(write([id]), find({ _id: id, price: 1 }))).toBe(true);
    expect(drops(write(), find({ _id: id }))).toBe(true);
    expect(drops(write([id]), find({ _id: { $in: [new ObjectId(), new ObjectId(id.toHexString())] } }))).toBe(
      true,
    );
  });

  it('and leaves reads of other documents and other collections alone', () => {
    expect(drops(write([new ObjectId()]), find({ _id: id }))).toBe(false);
    expect(drops(write([id], 'orders'), find({ _id: id }))).toBe(false);
    expect(drops(write(undefined, 'orders'), find({}))).toBe(false);
  });

  it('numbers that are equal for the server are one document', () => {
    const ones = [1, 1n, new Int32(1), new Double(1), Long.fromNumber(1), Decimal128.fromString('1.0')];
    for (const written of ones)
      for (const asked of ones) expect(drops(write([written]), find({ _id: asked }))).toBe(true);
    expect(drops(write([0]), find({ _id: -0 }))).toBe(true);
    const big = 2n ** 53n + 1n;
    expect(drops(write([Long.fromBigInt(big)]), find({ _id: Decimal128.fromString(String(big)) }))).toBe(
      true,
    );
  });

  it('UUIDs and bytes', () => {
    const uuid = new UUID();
    expect(drops(write([uuid]), find({ _id: new UUID(uuid.toHexString()) }))).toBe(true);
    expect(drops(write([Buffer.from('x')]), find({ _id: new mongoose.mongo.Binary(Buffer.from('x')) }))).toBe(
      true,
    );
  });

  it('strings: a collation may take two for one, so reads by them follow the whole collection', () => {
    expect(drops(write(['ROSE']), find({ _id: 'rose' }))).toBe(true);
  });

  it('very many documents at once are the whole collection', () => {
    const many = Array.from({ length: 101 }, () => new ObjectId());
    expect(write(many)).toEqual(write());
    expect(drops(write(many), find({ _id: id }))).toBe(true);
  });

  it('the whole database', () => {
    for (const read of [find({}), find({ _id: id }), aggregate({ $match: {} }) ?? []])
      expect(drops(writeTags({ database: 'shop' }), read)).toBe(true);
  });
});

it('what is inserted where none was found has the only _id that was asked for, or any', () => {
  expect(writtenIds({ _id: id }, true)).toEqual([id]);
  expect(writtenIds({ _id: { $in: [1, 2] } }, false)).toEqual([1, 2]);
  expect(writtenIds({ _id: { $in: [1, 2] } }, true)).toBeUndefined();
  expect(writtenIds({ _id: { $in: [1] } }, true)).toBeUndefined();
  expect(writtenIds({ _id: { $in: [] } }, true)).toBeUndefined();
  expect(writtenIds({ name: 'x' }, true)).toBeUndefined();
});

it('in a capped collection every read may be changed by any insert', () => {
  const read = readTags({ operation: 'find', filter: { _id: id }, options: {} }, 'shop', {
    collections: ['products'],
    isCapped: true,
  });
  expect(drops(write([new ObjectId()]), read)).toBe(true);
});

it('only an exact _id fixes the document', () => {
  expect(fixedIds({ _id: id })).toEqual([id]);
  expect(fixedIds({ _id: { $eq: id } })).toEqual([id]);
  expect(fixedIds({ _id: { $in: [1, 2] } })).toEqual([1, 2]);
  for (const condition of [
    undefined,
    null,
    /a/,
    [id],
    {},
    { x: 1 },
    { $gt: id },
    { $ne: id },
    { $in: [/a/] },
    { $in: [null] },
    { $eq: null },
    { $in: [id], $nin: [id] },
    { $exists: true },
  ])
    expect(fixedIds({ _id: condition })).toBeUndefined();
  expect(fixedIds({ name: 'x' })).toBeUndefined();
  expect(fixedIds({ $or: [{ _id: id }] })).toBeUndefined();
  expect(fixedIds(undefined)).toBeUndefined();
});

describe('an aggregate depends on every collection that it reads', () => {
  it.each([
    [{ $lookup: { from: 'suppliers', localField: 'a', foreignField: '_id', as: 'x' } }, ['suppliers']],
    [
      { $lookup: { from: 'suppliers', as: 'x', pipeline: [{ $lookup: { from: 'cities', as: 'y' } }] } },
      ['suppliers', 'cities'],
    ],
    [{ $graphLookup: { from: 'categories', as: 'x' } }, ['categories']],
    [{ $unionWith: 'archive' }, ['archive']],
    [{ $unionWith: { coll: 'archive', pipeline: [{ $unionWith: 'attic' }] } }, ['archive', 'attic']],
    [
      { $facet: { a: [{ $unionWith: 'archive' }], b: [{ $lookup: { from: 'cities', as: 'c' } }] } },
      ['archive', 'cities'],
    ],
  ])('%j', (stage, collections) => {
    const read = aggregate(stage) ?? [];
    for (const collection of ['products', ...collections])
      expect(drops(write([id], collection), read)).toBe(true);
    expect(drops(write([id], 'orders'), read)).toBe(false);
  });

  it.each([
    { $out: 'x' },
    { $merge: 'x' },
    { $sample: { size: 1 } },
    { $collStats: {} },
    { $currentOp: {} },
    { $search: {} },
    { $novelty: {} },
    {},
    { $match: {}, $limit: 1 },
    'text',
    null,
    { $lookup: { from: { db: 'other', coll: 'x' }, as: 'y' } },
    { $lookup: 'x'.length },
    { $facet: [] },

    { $facet: { a: [{ $out: 'x' }] } },
    { $lookup: { from: 'x', pipeline: [{ $sample: { size: 1 } }], as: 'y' } },
  ])('is not cached for what is unknown: %j', (stage) => {
    expect(aggregate(stage)).toBeUndefined();
  });
});

it('knows where a pipeline writes to', () => {
  expect(writeOfPipeline([{ $out: 'x' }], 'shop')).toEqual({ database: 'shop', collection: 'x' });
  expect(writeOfPipeline([{ $out: { db: 'other', coll: 'x' } }], 'shop')).toEqual({
    database: 'other',
    collection: 'x',
  });
  expect(writeOfPipeline([{ $merge: 'x' }], 'shop')).toEqual({ database: 'shop', collection: 'x' });
  expect(writeOfPipeline([{ $merge: { into: 'x' } }], 'shop')).toEqual({ database: 'shop', collection: 'x' });
  expect(writeOfPipeline([{ $merge: { into: { db: 'other', coll: 'x' } } }], 'shop')).toEqual({
    database: 'other',
    collection: 'x',
  });
  expect(writeOfPipeline([{ $match: {} }], 'shop')).toBeUndefined();
  expect(writeOfPipeline([], 'shop')).toBeUndefined();
});
