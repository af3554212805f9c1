import { Body, Controller, Get, HttpCode, Post, UnauthorizedException, UseGuards } from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import { CustomerAnswer, SignedInAnswer, SignIn } from './customer.answers.js';
import type { StoredCustomer } from './customer.schema.js';
import { CustomersService } from './customers.service.js';
import { DemoAuthGuard } from './demo-auth.guard.js';
import { SignedIn } from './signed-in.decorator.js';

@ApiTags('customers')
@Controller()
export class CustomersController {
  constructor(private readonly customers: CustomersService) {}

  @Post('sign-in')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Get a demo token',
    description: 'Demo only: an email address is enough. Customer 1 has the token demo-1, and so on.',
  })
  @ApiOkResponse({ type: SignedInAnswer })
  @ApiUnauthorizedResponse({ description: 'Nobody has this address.' })
  async signIn(@Body() { email }: SignIn): Promise<SignedInAnswer> {
    const customer = await this.customers.findByEmail(email);
    if (!customer) throw new UnauthorizedException('Nobody has this address');
    return new SignedInAnswer(customer);
  }

  @Get('me')
  @UseGuards(DemoAuthGuard)
  @ApiBearerAuth('customer')
  @ApiOperation({ summary: 'Who am I?' })
  @ApiOkResponse({ type: CustomerAnswer })
  @ApiUnauthorizedResponse()
  me(@SignedIn() customer: StoredCustomer): CustomerAnswer {
    return new CustomerAnswer(customer);
  }
}
