import Module, { createRequire } from 'node:module';

type Resolve = (request: string, ...more: unknown[]) => string;

const mongoose8 = createRequire(import.meta.url).resolve('mongoose-8');

/** In this process `mongoose` is Mongoose 8 from now on, for peers that don't work with another one. */
export function withMongoose8(): void {
  const loader = Module as unknown as { _resolveFilename: Resolve };
  const resolve = loader._resolveFilename;
  loader._resolveFilename = (request, ...more) =>
    request === 'mongoose' ? mongoose8 : resolve(request, ...more);
}
