import { ApiProperty } from '@nestjs/swagger';
import { Page, type PageQuery } from '../paging.js';
import { COLOURS, type Colour, type StoredProduct } from './product.schema.js';

/** A product as visitors see it. */
export class ProductAnswer {
  @ApiProperty({ example: '5eed01000000000000000001' })
  readonly id: string;

  @ApiProperty({ example: 'Morning Mist Bouquet' })
  readonly name: string;

  @ApiProperty({ example: 'morning-mist-bouquet' })
  readonly slug: string;

  @ApiProperty({ example: 'bouquets' })
  readonly category: string;

  @ApiProperty({ example: 'White phlox and pale blue nigella, tied by hand.' })
  readonly description: string;

  @ApiProperty({ enum: COLOURS, isArray: true })
  readonly colours: Colour[];

  @ApiProperty({ description: 'Price in whole cents.', example: 3_450 })
  readonly priceCents: number;

  @ApiProperty({ description: 'Pieces that can be bought now.', example: 20 })
  readonly stock: number;

  @ApiProperty({ description: 'Pieces sold so far.', example: 112 })
  readonly sold: number;

  constructor(product: StoredProduct) {
    this.id = product._id.toHexString();
    this.name = product.name;
    this.slug = product.slug;
    this.category = product.category;
    this.description = product.description;
    this.colours = product.colours;
    this.priceCents = product.priceCents;
    this.stock = product.stock;
    this.sold = product.sold;
  }
}

export class ProductsPage extends Page<ProductAnswer> {
  @ApiProperty({ type: [ProductAnswer] })
  readonly items: ProductAnswer[];

  constructor(query: PageQuery, total: number, products: StoredProduct[]) {
    super(query, total);
    this.items = products.map((product) => new ProductAnswer(product));
  }
}
