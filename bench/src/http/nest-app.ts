import {
  Controller,
  Get,
  Inject,
  type INestApplication,
  type ModuleMetadata,
  type NestInterceptor,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { AddressInfo } from 'node:net';
import type { Ground } from './system.js';
import { Work } from './work.js';

interface Extras {
  readonly imports?: NonNullable<ModuleMetadata['imports']>;
  /** On the handler. */
  readonly decorators?: readonly MethodDecorator[];
  readonly interceptors?: readonly Type<NestInterceptor>[];
  readonly prepare?: (app: INestApplication) => void;
}

/** A Nest application with one route, listening; gives its port. */
export async function startNest({ platform, work }: Ground, extras: Extras = {}): Promise<number> {
  const { imports = [], decorators = [], interceptors = [], prepare } = extras;

  @Controller()
  class PageController {
    constructor(@Inject(Work) private readonly work: Work) {}

    @Get('page')
    page(): unknown {
      return this.work.do();
    }
  }
  const handler = Object.getOwnPropertyDescriptor(PageController.prototype, 'page') as PropertyDescriptor;
  for (const decorate of [...decorators, UseInterceptors(...interceptors)])
    decorate(PageController.prototype, 'page', handler);

  class PageModule {}
  const root = {
    module: PageModule,
    imports,
    controllers: [PageController],
    providers: [{ provide: Work, useValue: work }],
  };
  const adapter = platform === 'express' ? new ExpressAdapter() : new FastifyAdapter();
  const app = await NestFactory.create(root, adapter as ExpressAdapter, { logger: false });
  prepare?.(app);
  await app.listen(0, '127.0.0.1');
  return (app.getHttpServer().address() as AddressInfo).port;
}
