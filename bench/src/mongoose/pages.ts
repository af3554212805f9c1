import { SHELVES, slugOf, type Product, type ProductModel } from './products.js';

export const SHAPES = ['lean', 'hydrated'] as const;
/** Plain objects, or documents of Mongoose. */
export type Shape = (typeof SHAPES)[number];

export type Size = 1 | 10 | 100;

/** One read: a product by its slug, or the first 10 or 100 of a shelf. */
export interface Page {
  readonly size: Size;
  readonly shape: Shape;
  /** Each has its own entry in a cache. */
  readonly n: number;
}

/** How many different pages are read in turn; those after them are for checks. */
export const PAGES = 10;
export const [CHECKED_PAGE, CONCURRENT_PAGE] = [PAGES, PAGES + 1] as const;
if (CONCURRENT_PAGE >= SHELVES) throw new Error('there are not as many shelves as pages');

/** The query of a page, made anew as an application does it for each request. */
export function queryOf(products: ProductModel, { size, shape, n }: Page) {
  const found =
    size === 1
      ? products.findOne({ slug: slugOf(n) })
      : products.find({ shelf: n }).sort({ position: 1 }).limit(size);
  // The two have no type in common that both `lean` and a cache's mark can be called on.
  const query = found as unknown as ReturnType<typeof products.find>;
  return shape === 'lean' ? (query.lean() as unknown as typeof query) : query;
}

/** The filter of a page, for those that go past Mongoose. */
export const filterOf = ({ size, n }: Page) => (size === 1 ? { slug: slugOf(n) } : { shelf: n });

/** The documents of a page's answer. */
export const documentsOf = (answer: unknown): Product[] =>
  (Array.isArray(answer) ? answer : [answer]) as Product[];
