import { ApiProperty } from '@nestjs/swagger';

/** A category with what its shelf holds today. */
export class CategoryAnswer {
  @ApiProperty({ example: 'bouquets' })
  slug!: string;

  @ApiProperty({ example: 'Bouquets' })
  name!: string;

  @ApiProperty({ example: 'Tied by hand, ready for the vase.' })
  description!: string;

  @ApiProperty({ description: 'How many products it has.', example: 250 })
  products!: number;

  @ApiProperty({
    description: 'The cheapest of them, in cents.',
    example: 1_250,
    nullable: true,
    type: Number,
  })
  fromCents!: number | null;
}
