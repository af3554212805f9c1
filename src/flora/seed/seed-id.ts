import { Types } from 'mongoose';

const KINDS = { category: '00', product: '01', customer: '02', order: '03' } as const;

/** The id of the nth seeded document of a kind: the same at every run, and easy to recognise. */
export function seedId(kind: keyof typeof KINDS, number: number): Types.ObjectId {
  return new Types.ObjectId(`5eed${KINDS[kind]}${String(number).padStart(18, '0')}`);
}
