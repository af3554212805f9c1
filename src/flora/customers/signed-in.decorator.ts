import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { StoredCustomer } from './customer.schema.js';
import type { SignedInRequest } from './demo-auth.guard.js';

/** The customer whom DemoAuthGuard let in, as a parameter of a handler. */
export const SignedIn = createParamDecorator(
  (_: unknown, context: ExecutionContext): StoredCustomer =>
    context.switchToHttp().getRequest<SignedInRequest>().user,
);
