/**
 * Tests of Mongoose that must fail when every read is answered by the cache, each with the reason: they look at
 * how often the database was asked, not at what was answered.
 */
export const REASONS: Readonly<Record<string, string>> = {};
