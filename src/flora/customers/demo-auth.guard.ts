import { type CanActivate, type ExecutionContext, Injectable, UnauthorizedException } from '@nestjs/common';
import type { Request } from 'express';
import type { StoredCustomer } from './customer.schema.js';
import { CustomersService } from './customers.service.js';

/** A request whose sender is known. */
export type SignedInRequest = Request & { user: StoredCustomer };

/**
 * **For the demo only**: whoever says `Authorization: Bearer demo-17` is customer 17. A real shop checks a signed
 * token here; everything behind this guard relies on `request.user` alone and would stay as it is.
 */
@Injectable()
export class DemoAuthGuard implements CanActivate {
  constructor(private readonly customers: CustomersService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<SignedInRequest>();
    const number = /^Bearer demo-(\d{1,7})$/.exec(request.headers.authorization ?? '')?.[1];
    const customer = number === undefined ? null : await this.customers.findByNumber(Number(number));
    if (!customer) {
      throw new UnauthorizedException('Sign in with a demo token: "Authorization: Bearer demo-1"');
    }
    request.user = customer;
    return true;
  }
}
