/** Why a row is not in a table: it does not do what the row would say. */
export class LeftOutError extends Error {}

export const reasonOf = (error: unknown): string =>
  error instanceof LeftOutError ? error.message : `failed: ${(error as Error).message}`;
