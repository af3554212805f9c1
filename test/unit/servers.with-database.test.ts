import { expect, it } from 'vitest';
import { withDatabase } from '../../src/flora/servers/with-database.js';

it.each([
  ['mongodb://localhost:27017', 'mongodb://localhost:27017/test'],
  ['mongodb://localhost:27017/', 'mongodb://localhost:27017/test'],
  ['mongodb://a:1,b:2/shop?replicaSet=rs', 'mongodb://a:1,b:2/test?replicaSet=rs'],
  ['mongodb+srv://cluster.example/?w=majority', 'mongodb+srv://cluster.example/test?w=majority'],
  ['mongodb://me:p%40ss@a/shop', 'mongodb://me:p%40ss@a/test?authSource=shop'],
  ['mongodb://me:p%40ss@a', 'mongodb://me:p%40ss@a/test?authSource=admin'],
  ['mongodb://me:p%40ss@a/shop?authSource=users', 'mongodb://me:p%40ss@a/test?authSource=users'],
])('a test database on %s is %s', (uri, expected) => {
  expect(withDatabase(uri, 'test')).toBe(expected);
});
