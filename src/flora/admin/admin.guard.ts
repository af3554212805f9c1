import { createHash, timingSafeEqual } from 'node:crypto';
import { type CanActivate, type ExecutionContext, Injectable, UnauthorizedException } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import type { Request } from 'express';
import type { Configuration } from '../configuration.js';

/** Lets in who knows ADMIN_TOKEN: `Authorization: Bearer <token>`. */
@Injectable()
export class AdminGuard implements CanActivate {
  private readonly right: Buffer;

  constructor(config: ConfigService<Configuration, true>) {
    this.right = digest(`Bearer ${config.get('ADMIN_TOKEN', { infer: true })}`);
  }

  canActivate(context: ExecutionContext): boolean {
    const given = context.switchToHttp().getRequest<Request>().headers.authorization ?? '';
    // Digests have one length, and comparing them takes one time, however much of the token is right.
    if (timingSafeEqual(digest(given), this.right)) return true;
    throw new UnauthorizedException('This needs the header "Authorization: Bearer <ADMIN_TOKEN>"');
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
