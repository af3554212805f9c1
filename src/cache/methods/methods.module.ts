import { Global, Module } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { MethodExplorer } from './method.explorer.js';

/**
 * A module for its place alone: hooks run from the furthest module to the root, global ones first of all, and this
 * one before them. So methods are cached in whatever other hooks do with them: call them, or bind them (schedules).
 */
@Global()
@Module({ providers: [MethodExplorer] })
export class MethodsModule {
  constructor(modules: ModulesContainer) {
    for (const host of modules.values()) if (host.metatype === MethodsModule) host.distance = Infinity;
  }
}
