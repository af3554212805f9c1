import mongoose from 'mongoose';
import { queryOf, type Page } from '../pages.js';
import { productSchema, type Product, type ProductModel } from '../products.js';

/** The default connection of this process, which all the peers work on, and its model. */
export async function connected(
  uri: string,
  prepare: (schema: ReturnType<typeof productSchema>) => void = () => {},
): Promise<{
  mongoose: typeof mongoose;
  products: ProductModel;
  reference: (page: Page) => Promise<unknown>;
  disconnect: () => Promise<void>;
}> {
  const schema = productSchema();
  prepare(schema);
  const products = mongoose.model<Product>('Product', schema);
  await mongoose.connect(uri);
  return {
    mongoose,
    products,
    reference: async (page) => queryOf(products, page).exec(),
    disconnect: async () => mongoose.disconnect(),
  };
}
