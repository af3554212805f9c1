const NOT_ASKED =
  'looks at the call that reaches the collection, and an earlier test asked the same of the same database: ' +
  'the answer was known, there is no call';

/**
 * Tests of Mongoose that must fail when every read is answered by the cache, each with the reason: they look at
 * whether, how often or how the database was asked, not at what was answered.
 */
export const REASONS: Readonly<Record<string, string>> = {
  'index.test.js: mongoose module: debug timestamp option prefixes ISO timestamp to console output':
    NOT_ASKED,
  'index.test.js: mongoose module: exports global `allowDiskUse` (gh-11478) works when set to `true` and no option provided':
    NOT_ASKED,
  'index.test.js: mongoose module: exports global `allowDiskUse` (gh-11478) can be overridden by a specific query':
    NOT_ASKED,
};
