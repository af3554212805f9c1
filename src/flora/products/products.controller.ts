import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Param,
  Patch,
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
  ApiNoContentResponse,
  ApiNotFoundResponse,
  ApiOkResponse,
  ApiOperation,
  ApiParam,
  ApiTags,
  ApiUnauthorizedResponse,
} from '@nestjs/swagger';
import { Types } from 'mongoose';
import { CacheTags, CacheTTL, HttpCacheInterceptor, model } from '../../index.js';
import { AdminGuard } from '../admin/admin.guard.js';
import { ProductAnswer, ProductsPage } from './product.answers.js';
import { CreateProduct, ProductsQuery, Restock, UpdateProduct } from './product.requests.js';
import { Product } from './product.schema.js';
import { ProductsService } from './products.service.js';

const ProductId = () => ApiParam({ name: 'id', example: '5eed01000000000000000001' });

@ApiTags('products')
@Controller('products')
@UseInterceptors(HttpCacheInterceptor)
export class ProductsController {
  constructor(private readonly products: ProductsService) {}

  @Get()
  @CacheTTL('5m')
  @CacheTags(model(Product.name))
  @ApiOperation({
    summary: 'Browse the shop',
    description:
      'A cached page: the first answer is made from MongoDB, the next ones are the same bytes from the cache ' +
      '(see the Cache-Status header), until any product is written.',
  })
  @ApiOkResponse({ type: ProductsPage })
  @ApiBadRequestResponse({ description: 'A filter that is not one.' })
  list(@Query() query: ProductsQuery): Promise<ProductsPage> {
    return this.products.list(query);
  }

  @Get(':id')
  @ApiOperation({
    summary: 'Look at one product',
    description: 'A cached query: fresh after a write to this product, untouched by writes to others.',
  })
  @ProductId()
  @ApiOkResponse({ type: ProductAnswer })
  @ApiNotFoundResponse()
  get(@Param('id', ParseObjectIdPipe) id: Types.ObjectId): Promise<ProductAnswer> {
    return this.products.get(id);
  }

  @Post()
  @UseGuards(AdminGuard)
  @ApiBearerAuth('admin')
  @ApiOperation({ summary: 'Add a product (admin)' })
  @ApiCreatedResponse({ type: ProductAnswer })
  @ApiBadRequestResponse({ description: 'Not a product, or no such category.' })
  @ApiUnauthorizedResponse()
  @ApiConflictResponse({ description: 'Another product has this slug.' })
  create(@Body() product: CreateProduct): Promise<ProductAnswer> {
    return this.products.create(product);
  }

  @Patch(':id')
  @UseGuards(AdminGuard)
  @ApiBearerAuth('admin')
  @ApiOperation({ summary: 'Change a product (admin)', description: 'Every cached page is fresh at once.' })
  @ProductId()
  @ApiOkResponse({ type: ProductAnswer })
  @ApiUnauthorizedResponse()
  @ApiNotFoundResponse()
  @ApiConflictResponse({ description: 'Another product has this slug.' })
  update(
    @Param('id', ParseObjectIdPipe) id: Types.ObjectId,
    @Body() changes: UpdateProduct,
  ): Promise<ProductAnswer> {
    return this.products.update(id, changes);
  }

  @Post(':id/restock')
  @HttpCode(200)
  @UseGuards(AdminGuard)
  @ApiBearerAuth('admin')
  @ApiOperation({ summary: 'Take new pieces into stock (admin)' })
  @ProductId()
  @ApiOkResponse({ type: ProductAnswer })
  @ApiUnauthorizedResponse()
  @ApiNotFoundResponse()
  restock(
    @Param('id', ParseObjectIdPipe) id: Types.ObjectId,
    @Body() { quantity }: Restock,
  ): Promise<ProductAnswer> {
    return this.products.restock(id, quantity);
  }

  @Delete(':id')
  @HttpCode(204)
  @UseGuards(AdminGuard)
  @ApiBearerAuth('admin')
  @ApiOperation({
    summary: 'Take a product out of the shop (admin)',
    description: 'Past orders keep its name and price.',
  })
  @ProductId()
  @ApiNoContentResponse()
  @ApiUnauthorizedResponse()
  @ApiNotFoundResponse()
  delete(@Param('id', ParseObjectIdPipe) id: Types.ObjectId): Promise<void> {
    return this.products.delete(id);
  }
}
