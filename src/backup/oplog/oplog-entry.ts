import type { RawField } from './raw-document.js';

/** A moment of the server's log: seconds since 1970, and a number within the second. */
export interface OplogTime {
  readonly t: number;
  readonly i: number;
}

/** What an entry asks for, in the names of the backup. Documents are BSON. */
export type ReplayStep =
  | {
      readonly kind: 'write';
      readonly op: 'i' | 'u' | 'd';
      readonly database: string;
      readonly collection: string;
      readonly o: Buffer;
      readonly o2: Buffer | undefined;
    }
  | {
      readonly kind: 'create' | 'change';
      readonly database: string;
      readonly collection: string;
      readonly command: Buffer;
    }
  | { readonly kind: 'drop'; readonly database: string; readonly collection: string };

export const BUCKETS = 'system.buckets.';

export type Fields = ReadonlyMap<string, RawField>;

export function cant(name: string, namespace: string): Error {
  return new Error(`${name} of ${namespace}`);
}

export function namespaceOf(ns = ''): { database: string; collection: string } {
  const dot = ns.indexOf('.');
  return { database: ns.slice(0, Math.max(0, dot)), collection: ns.slice(dot + 1) };
}

export function declared(collection: string): string {
  return collection.startsWith(BUCKETS) ? collection.slice(BUCKETS.length) : collection;
}

/** By the bytes of its session and its number. */
export function transactionOf(fields: Fields): string {
  const parts = [fields.get('lsid'), fields.get('txnNumber')];
  return parts.map((field) => field?.bytes.toString('hex') ?? '').join('/');
}

export function timeOf(field: RawField | undefined): OplogTime {
  if (field?.type !== 0x11) throw new Error('an entry without a time');
  return { t: field.bytes.readUInt32LE(4), i: field.bytes.readUInt32LE(0) };
}
