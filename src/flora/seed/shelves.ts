import type { Colour } from '../products/product.schema.js';
import {
  BOUQUETS_FORMS,
  BUNCHES,
  DRIED_FLOWERS_FORMS,
  GIFT_SETS_FORMS,
  HOUSE_PLANTS,
  LILIES,
  MOODS,
  ORCHIDS,
  PEONIES,
  POTS,
  ROSES,
  SUCCULENTS,
  SUNFLOWERS,
  TULIPS,
  WREATHS_FORMS,
} from './names.js';

/** A shelf of the shop: its products are named by a variety and a form. */
export interface Shelf {
  slug: string;
  name: string;
  description: string;
  varieties: readonly string[];
  forms: readonly string[];
  /** Pieces of a description, filled with the product's colours. */
  lines: readonly string[];
  colours: readonly Colour[];
  /** The usual price, in cents. */
  priceCents: number;
}

const ALL: readonly Colour[] = ['white', 'cream', 'yellow', 'orange', 'pink', 'red', 'purple'];

export const SHELVES: readonly Shelf[] = [
  {
    slug: 'bouquets',
    name: 'Bouquets',
    description: 'Tied by hand this morning, ready for the vase.',
    varieties: MOODS,
    forms: BOUQUETS_FORMS,
    lines: [
      'Seasonal stems in {colours}, tied by hand.',
      'Garden flowers in {colours} with soft foliage.',
      'A loose gathering in {colours}; lasts a week with fresh water.',
    ],
    colours: [...ALL, 'blue'],
    priceCents: 4_200,
  },
  {
    slug: 'roses',
    name: 'Roses',
    description: 'Long stems and garden roses, cut the day they leave us.',
    varieties: ROSES.map((name) => `${name} Roses`),
    forms: BUNCHES,
    lines: [
      'Large heads in {colours} on long stems.',
      'Scented garden roses in {colours}; trim them under running water.',
      'Slow-opening blooms in {colours}.',
    ],
    colours: ['white', 'cream', 'pink', 'red', 'orange', 'purple', 'yellow'],
    priceCents: 3_900,
  },
  {
    slug: 'tulips',
    name: 'Tulips',
    description: 'From field to door in a day, while they still squeak.',
    varieties: TULIPS.map((name) => `${name} Tulips`),
    forms: BUNCHES,
    lines: [
      'Crisp tulips in {colours} that go on growing in the vase.',
      'Grown outdoors, in {colours}.',
      'Double blooms in {colours}, cut in bud.',
    ],
    colours: [...ALL, 'green'],
    priceCents: 1_900,
  },
  {
    slug: 'peonies',
    name: 'Peonies',
    description: 'The short season, made the most of.',
    varieties: PEONIES.map((name) => `${name} Peonies`),
    forms: BUNCHES,
    lines: [
      'Full, fragrant heads in {colours}.',
      'Cut in bud: they open in {colours} within three days.',
      'Ruffled petals in {colours}.',
    ],
    colours: ['white', 'cream', 'pink', 'red', 'orange', 'yellow'],
    priceCents: 3_600,
  },
  {
    slug: 'lilies',
    name: 'Lilies',
    description: 'Tall, scented, and generous with their buds.',
    varieties: LILIES.map((name) => `${name} Lilies`),
    forms: BUNCHES,
    lines: [
      'Three buds and more on each stem, in {colours}.',
      'Strongly scented, in {colours}; take out the anthers as they open.',
      'Upright stems in {colours}.',
    ],
    colours: ['white', 'cream', 'pink', 'orange', 'yellow', 'red'],
    priceCents: 2_800,
  },
  {
    slug: 'sunflowers',
    name: 'Sunflowers',
    description: 'Sturdy stems that bring the field indoors.',
    varieties: SUNFLOWERS.map((name) => `${name} Sunflowers`),
    forms: BUNCHES,
    lines: [
      'Heads as wide as a hand, in {colours}.',
      'Pollen-free, in {colours}: kind to tablecloths.',
      'Branching stems in {colours}.',
    ],
    colours: ['yellow', 'orange', 'cream', 'red'],
    priceCents: 2_100,
  },
  {
    slug: 'orchids',
    name: 'Orchids',
    description: 'In flower for months, and back again next year.',
    varieties: ORCHIDS.map((name) => `${name} Orchid`),
    forms: POTS,
    lines: [
      'Two flowering stems in {colours}.',
      'An easy moth orchid in {colours}: an ice cube of water a week.',
      'Marbled leaves and blooms in {colours}.',
    ],
    colours: ['white', 'pink', 'purple', 'yellow', 'orange', 'green'],
    priceCents: 3_400,
  },
  {
    slug: 'house-plants',
    name: 'House plants',
    description: 'Green company that asks for little.',
    varieties: HOUSE_PLANTS,
    forms: POTS,
    lines: [
      'Leaves in {colours}, happy in half shade.',
      'Grown slowly and potted by us; {colours}.',
      'Forgiving, and good for a desk; {colours}.',
    ],
    colours: ['green'],
    priceCents: 2_900,
  },
  {
    slug: 'succulents',
    name: 'Succulents',
    description: 'For window sills in full sun, and for those who forget to water.',
    varieties: SUCCULENTS,
    forms: POTS,
    lines: [
      'Thick leaves in {colours}; water it twice a month.',
      'A slow grower in {colours} for a sunny sill.',
      'Potted in gritty soil; {colours}.',
    ],
    colours: ['green', 'purple', 'red', 'blue'],
    priceCents: 1_400,
  },
  {
    slug: 'dried-flowers',
    name: 'Dried flowers',
    description: 'Summer kept for the rest of the year.',
    varieties: MOODS,
    forms: DRIED_FLOWERS_FORMS,
    lines: [
      'Air-dried in our loft, in {colours}.',
      'Grasses, seed heads and strawflowers in {colours}.',
      'Keeps its {colours} for a year out of the sun.',
    ],
    colours: ['cream', 'pink', 'purple', 'orange', 'blue', 'white'],
    priceCents: 3_100,
  },
  {
    slug: 'wreaths',
    name: 'Wreaths',
    description: 'For doors, tables and farewells, bound to order.',
    varieties: MOODS,
    forms: WREATHS_FORMS,
    lines: [
      'Bound on willow, in {colours}.',
      'Fresh foliage and blooms in {colours}; mist it every other day.',
      'Forty centimetres across, in {colours}.',
    ],
    colours: ['green', 'white', 'red', 'cream', 'purple'],
    priceCents: 4_900,
  },
  {
    slug: 'gift-sets',
    name: 'Gift sets',
    description: 'Flowers with something beside them.',
    varieties: MOODS,
    forms: GIFT_SETS_FORMS,
    lines: [
      'A small bouquet in {colours}, and a card in your words.',
      'Boxed with ribbon; flowers in {colours}.',
      'Ready to hand over; {colours}.',
    ],
    colours: [...ALL, 'blue'],
    priceCents: 5_400,
  },
];
