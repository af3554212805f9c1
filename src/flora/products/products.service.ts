import { BadRequestException, Injectable, NotFoundException } from '@nestjs/common';
import { InjectModel } from '@nestjs/mongoose';
import { Model, type QueryFilter, type SortOrder, type Types } from 'mongoose';
import { Category } from '../categories/category.schema.js';
import { ProductAnswer, ProductsPage } from './product.answers.js';
import type { CreateProduct, ProductOrder, ProductsQuery, UpdateProduct } from './product.requests.js';
import { Product, type StoredProduct } from './product.schema.js';

/** The id comes last, so that equal products keep their places from page to page. */
const SORTS: Record<ProductOrder, Record<string, SortOrder>> = {
  popular: { sold: -1, _id: 1 },
  newest: { createdAt: -1, _id: 1 },
  price: { priceCents: 1, _id: 1 },
  '-price': { priceCents: -1, _id: 1 },
  name: { name: 1, _id: 1 },
};

@Injectable()
export class ProductsService {
  constructor(
    @InjectModel(Product.name) private readonly products: Model<Product>,
    @InjectModel(Category.name) private readonly categories: Model<Category>,
  ) {}

  /** Not cached here: the page that is made of it is. */
  async list(query: ProductsQuery): Promise<ProductsPage> {
    const filter = filterOf(query);
    const [total, products] = await Promise.all([
      this.products.countDocuments(filter),
      this.products
        .find(filter)
        .sort(SORTS[query.sort])
        .skip((query.page - 1) * query.perPage)
        .limit(query.perPage)
        .lean<StoredProduct[]>(),
    ]);
    return new ProductsPage(query, total, products);
  }

  /** A cached query: a write to this product, and to no other, makes it fresh. */
  async get(id: Types.ObjectId): Promise<ProductAnswer> {
    const product = await this.products
      .findById(id)
      .lean<StoredProduct>()
      .cache({ ttl: '1h', key: `product:${id.toHexString()}` });
    return found(product, id);
  }

  async create(wanted: CreateProduct): Promise<ProductAnswer> {
    await this.checkCategory(wanted.category);
    const product = await this.products.create(wanted);
    return new ProductAnswer(product.toObject<StoredProduct>());
  }

  async update(id: Types.ObjectId, changes: UpdateProduct): Promise<ProductAnswer> {
    if (changes.category !== undefined) await this.checkCategory(changes.category);
    const product = await this.products
      .findByIdAndUpdate(id, { $set: changes }, { returnDocument: 'after', runValidators: true })
      .lean<StoredProduct>();
    return found(product, id);
  }

  async restock(id: Types.ObjectId, quantity: number): Promise<ProductAnswer> {
    const product = await this.products
      .findByIdAndUpdate(id, { $inc: { stock: quantity } }, { returnDocument: 'after' })
      .lean<StoredProduct>();
    return found(product, id);
  }

  async delete(id: Types.ObjectId): Promise<void> {
    found(await this.products.findByIdAndDelete(id).lean<StoredProduct>(), id);
  }

  private async checkCategory(slug: string): Promise<void> {
    if (await this.categories.exists({ slug })) return;
    throw new BadRequestException(`There is no category "${slug}"`);
  }
}

function filterOf({ category, colour, minPrice, maxPrice, inStock, search }: ProductsQuery) {
  const filter: QueryFilter<Product> = {};
  if (category !== undefined) filter.category = category;
  if (colour !== undefined) filter.colours = colour;
  if (minPrice !== undefined || maxPrice !== undefined) {
    filter.priceCents = {
      ...(minPrice !== undefined && { $gte: minPrice }),
      ...(maxPrice !== undefined && { $lte: maxPrice }),
    };
  }
  if (inStock !== undefined) filter.stock = inStock ? { $gt: 0 } : 0;
  if (search !== undefined) filter.$text = { $search: search };
  return filter;
}

function found(product: StoredProduct | null, id: Types.ObjectId): ProductAnswer {
  if (product) return new ProductAnswer(product);
  throw new NotFoundException(`There is no product ${id.toHexString()}`);
}
