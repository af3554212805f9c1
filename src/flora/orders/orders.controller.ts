import {
  Body,
  Controller,
  Get,
  HttpCode,
  Param,
  Post,
  Query,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common';
import { ParseObjectIdPipe } from '@nestjs/mongoose';
import {
  ApiBadRequestResponse,
  ApiBearerAuth,
  ApiConflictResponse,
  ApiCreatedResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import { Types } from 'mongoose';
import { CacheResponse, HttpCacheInterceptor, model } from '../../index.js';
import type { StoredCustomer } from '../customers/customer.schema.js';
import { DemoAuthGuard, type SignedInRequest } from '../customers/demo-auth.guard.js';
import { SignedIn } from '../customers/signed-in.decorator.js';
import { PageQuery } from '../paging.js';
import { OrderAnswer, OrdersPage } from './order.answers.js';
import { PlaceOrder } from './order.requests.js';
import { Order } from './order.schema.js';
import { OrdersService } from './orders.service.js';

const OrderId = () => ApiParam({ name: 'id', example: '5eed03000000000000000001' });

@ApiTags('orders')
@ApiBearerAuth('customer')
@ApiUnauthorizedResponse()
@Controller()
@UseGuards(DemoAuthGuard)
@UseInterceptors(HttpCacheInterceptor)
export class OrdersController {
  constructor(private readonly orders: OrdersService) {}

  @Get('me/orders')
  @CacheResponse<SignedInRequest>({
    ttl: '5m',
    tags: [model(Order.name)],
    // Whose answer this is: part of the key, so that nobody is ever given another customer's orders.
    scope: ({ request }) => request.user._id.toHexString(),
  })
  @ApiOperation({
    summary: 'My orders',
    description: 'A cached page per customer: each has an entry of their own, fresh after every order.',
  })
  @ApiOkResponse({ type: OrdersPage })
  list(@SignedIn() { _id }: StoredCustomer, @Query() query: PageQuery): Promise<OrdersPage> {
    return this.orders.list(_id, query);
  }

  @Get('me/orders/:id')
  @OrderId()
  @ApiOperation({ summary: 'One of my orders' })
  @ApiOkResponse({ type: OrderAnswer })
  @ApiNotFoundResponse()
  get(
    @SignedIn() { _id }: StoredCustomer,
    @Param('id', ParseObjectIdPipe) id: Types.ObjectId,
  ): Promise<OrderAnswer> {
    return this.orders.get(_id, id);
  }

  @Post('orders')
  @ApiOperation({
    summary: 'Buy',
    description:
      'One MongoDB transaction takes the pieces from stock and writes the order; once it is committed, every ' +
      'page that shows them is fresh.',
  })
  @ApiCreatedResponse({ type: OrderAnswer })
  @ApiBadRequestResponse()
  @ApiNotFoundResponse({ description: 'No such product.' })
  @ApiConflictResponse({ description: 'Not enough in stock; nothing was bought.' })
  place(@SignedIn() { _id }: StoredCustomer, @Body() { lines }: PlaceOrder): Promise<OrderAnswer> {
    return this.orders.place(_id, lines);
  }

  @Post('me/orders/:id/cancel')
  @HttpCode(200)
  @OrderId()
  @ApiOperation({ summary: 'Call an order off', description: 'As long as it is not paid.' })
  @ApiOkResponse({ type: OrderAnswer })
  @ApiNotFoundResponse()
  @ApiConflictResponse({ description: 'Too late.' })
  cancel(
    @SignedIn() { _id }: StoredCustomer,
    @Param('id', ParseObjectIdPipe) id: Types.ObjectId,
  ): Promise<OrderAnswer> {
    return this.orders.cancel(_id, id);
  }
}
