import { Body, Controller, Delete, Get, Param, Post, Put, UseGuards } from '@nestjs/common';
import { ParseObjectIdPipe } from '@nestjs/mongoose';
import {
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
import type { StoredCustomer } from '../customers/customer.schema.js';
import { DemoAuthGuard } from '../customers/demo-auth.guard.js';
import { SignedIn } from '../customers/signed-in.decorator.js';
import { OrderAnswer } from '../orders/order.answers.js';
import { CartTotal } from './cart-total.js';
import { CartAnswer, CartTotalAnswer, PutLine } from './cart.messages.js';
import { CartService } from './cart.service.js';

const ProductId = () => ApiParam({ name: 'productId', example: '5eed01000000000000000001' });

@ApiTags('cart')
@ApiBearerAuth('customer')
@ApiUnauthorizedResponse()
@Controller('cart')
@UseGuards(DemoAuthGuard)
export class CartController {
  constructor(
    private readonly carts: CartService,
    private readonly total: CartTotal,
  ) {}

  @Get()
  @ApiOperation({ summary: 'My cart' })
  @ApiOkResponse({ type: CartAnswer })
  get(@SignedIn() { _id }: StoredCustomer): Promise<CartAnswer> {
    return this.carts.get(_id);
  }

  @Get('total')
  @ApiOperation({
    summary: 'What my cart costs',
    description: 'A counter in the cache; MongoDB answers in its place where Redis is away.',
  })
  @ApiOkResponse({ type: CartTotalAnswer })
  totalOf(@SignedIn() { _id }: StoredCustomer): Promise<CartTotalAnswer> {
    return this.total.read(_id);
  }

  @Put('lines/:productId')
  @ProductId()
  @ApiOperation({ summary: 'Put a product into my cart, or change how many' })
  @ApiOkResponse({ type: CartAnswer })
  @ApiNotFoundResponse({ description: 'No such product.' })
  put(
    @SignedIn() { _id }: StoredCustomer,
    @Param('productId', ParseObjectIdPipe) product: Types.ObjectId,
    @Body() { quantity }: PutLine,
  ): Promise<CartAnswer> {
    return this.carts.put(_id, product, quantity);
  }

  @Delete('lines/:productId')
  @ProductId()
  @ApiOperation({ summary: 'Take a product out of my cart' })
  @ApiOkResponse({ type: CartAnswer })
  remove(
    @SignedIn() { _id }: StoredCustomer,
    @Param('productId', ParseObjectIdPipe) product: Types.ObjectId,
  ): Promise<CartAnswer> {
    return this.carts.remove(_id, product);
  }

  @Post('checkout')
  @ApiOperation({ summary: 'Buy what is in my cart' })
  @ApiCreatedResponse({ type: OrderAnswer })
  @ApiConflictResponse({
    description: 'The cart is empty, or something is not in stock; nothing was bought.',
  })
  checkOut(@SignedIn() { _id }: StoredCustomer): Promise<OrderAnswer> {
    return this.carts.checkOut(_id);
  }
}
