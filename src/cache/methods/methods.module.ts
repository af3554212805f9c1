import { Global, Module } from '@nestjs/common';
import { MethodExplorer } from './method.explorer.js';

/** Global for its place alone: the hooks of global modules run first, so that methods are cached in all others. */
@Global()
@Module({ providers: [MethodExplorer] })
export class MethodsModule {}
