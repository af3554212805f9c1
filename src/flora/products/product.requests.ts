import { ApiProperty, ApiPropertyOptional, PartialType } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import {
  ArrayNotEmpty,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
} from 'class-validator';
import { PageQuery } from '../paging.js';
import { COLOURS, type Colour } from './product.schema.js';

export const PRODUCT_ORDERS = ['popular', 'newest', 'price', '-price', 'name'] as const;
export type ProductOrder = (typeof PRODUCT_ORDERS)[number];

const SLUG = /^[a-z0-9]+(-[a-z0-9]+)*$/;
const DEAREST = 1_000_000;

/** `GET /products?category=roses&colour=red&sort=-price` */
export class ProductsQuery extends PageQuery {
  @ApiPropertyOptional({ description: 'Slug of a category.', example: 'roses' })
  @IsOptional()
  @Matches(SLUG)
  category?: string;

  @ApiPropertyOptional({ description: 'One of its colours.', enum: COLOURS })
  @IsOptional()
  @IsIn(COLOURS)
  colour?: Colour;

  @ApiPropertyOptional({ description: 'Cheapest, in cents.', example: 2_000 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  minPrice?: number;

  @ApiPropertyOptional({ description: 'Dearest, in cents.', example: 5_000 })
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(0)
  maxPrice?: number;

  @ApiPropertyOptional({ description: 'Only what can be bought now.', type: Boolean })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value))
  @IsBoolean()
  inStock?: boolean;

  @ApiPropertyOptional({ description: 'Words in name or description.', example: 'peony' })
  @IsOptional()
  @IsString()
  @Length(2, 60)
  search?: string;

  @ApiPropertyOptional({ description: 'Order of the list.', enum: PRODUCT_ORDERS, default: 'popular' })
  @IsIn(PRODUCT_ORDERS)
  sort: ProductOrder = 'popular';
}

export class CreateProduct {
  @ApiProperty({ example: 'Morning Mist Bouquet', minLength: 2, maxLength: 80 })
  @IsString()
  @Length(2, 80)
  name!: string;

  @ApiProperty({
    description: 'Its name in links; no two products share one.',
    example: 'morning-mist-bouquet',
  })
  @Matches(SLUG, { message: 'slug is made of small letters, digits and single hyphens' })
  @Length(2, 80)
  slug!: string;

  @ApiProperty({ description: 'Slug of a category that exists.', example: 'bouquets' })
  @Matches(SLUG)
  category!: string;

  @ApiProperty({ example: 'White phlox and pale blue nigella, tied by hand.', maxLength: 500 })
  @IsString()
  @Length(1, 500)
  description!: string;

  @ApiProperty({ enum: COLOURS, isArray: true, example: ['white', 'blue'] })
  @IsArray()
  @ArrayNotEmpty()
  @IsIn(COLOURS, { each: true })
  colours!: Colour[];

  @ApiProperty({ description: 'Price in whole cents.', example: 3_450, minimum: 1 })
  @IsInt()
  @Min(1)
  @Max(DEAREST)
  priceCents!: number;

  @ApiProperty({ description: 'Pieces that can be sold.', example: 20, minimum: 0 })
  @IsInt()
  @Min(0)
  @Max(100_000)
  stock!: number;
}

export class UpdateProduct extends PartialType(CreateProduct) {}

export class Restock {
  @ApiProperty({ description: 'How many pieces came in.', example: 50, minimum: 1 })
  @IsInt()
  @Min(1)
  @Max(10_000)
  quantity!: number;
}
