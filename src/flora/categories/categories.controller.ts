import { Controller, Get, Param } from '@nestjs/common';
import { ApiNotFoundResponse, ApiOkResponse, ApiOperation, ApiParam, ApiTags } from '@nestjs/swagger';
import { ProductAnswer } from '../products/product.answers.js';
import { CategoriesService } from './categories.service.js';
import { CategoryAnswer } from './category.answers.js';

@ApiTags('categories')
@Controller('categories')
export class CategoriesController {
  constructor(private readonly categories: CategoriesService) {}

  @Get()
  @ApiOperation({ summary: 'All categories, with counts', description: 'A cached aggregate.' })
  @ApiOkResponse({ type: [CategoryAnswer] })
  list(): Promise<CategoryAnswer[]> {
    return this.categories.list();
  }

  @Get(':slug/favourites')
  @ApiOperation({
    summary: 'The best sellers of a category',
    description: 'A cached query with a key of its own.',
  })
  @ApiParam({ name: 'slug', example: 'bouquets' })
  @ApiOkResponse({ type: [ProductAnswer] })
  @ApiNotFoundResponse()
  favourites(@Param('slug') slug: string): Promise<ProductAnswer[]> {
    return this.categories.favourites(slug);
  }
}
