import { Injectable, NotFoundException } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import { Model, type PipelineStage } from 'mongoose';
import { ProductAnswer } from '../products/product.answers.js';
import { Product, type StoredProduct } from '../products/product.schema.js';
import type { CategoryAnswer } from './category.answers.js';
import { Category } from './category.schema.js';

/** What the products of one category come to. */
const SHELF: PipelineStage.Group[] = [
  { $group: { _id: null, products: { $sum: 1 }, fromCents: { $min: '$priceCents' } } },
];

@Injectable()
export class CategoriesService {
  constructor(
    @InjectModel(Category.name) private readonly categories: Model<Category>,
    @InjectModel(Product.name) private readonly products: Model<Product>,
  ) {}

  /** A cached aggregate: it looks up products too, so a write to either collection makes it fresh. */
  async list(): Promise<CategoryAnswer[]> {
    return this.categories
      .aggregate<CategoryAnswer>([
        {
          $lookup: {
            from: 'products',
            localField: 'slug',
            foreignField: 'category',
            pipeline: SHELF,
            as: 'shelf',
          },
        },
        {
          $project: {
            _id: 0,
            slug: 1,
            name: 1,
            description: 1,
            products: { $ifNull: [{ $first: '$shelf.products' }, 0] },
            fromCents: { $ifNull: [{ $first: '$shelf.fromCents' }, null] },
          },
        },
        { $sort: { name: 1 } },
      ])
      .cache('1h');
  }

  /** The shop window of a category: `cacheService.delete('window:roses')` would drop it by its key. */
  async favourites(slug: string): Promise<ProductAnswer[]> {
    const category = await this.categories.findOne({ slug }).lean().cache('1h');
    if (!category) throw new NotFoundException(`There is no category "${slug}"`);
    const products = await this.products
      .find({ category: slug })
      .sort({ sold: -1, _id: 1 })
      .limit(12)
      .lean<StoredProduct[]>()
      .cache({ ttl: 3_600, key: `window:${slug}` });
    return products.map((product) => new ProductAnswer(product));
  }
}
