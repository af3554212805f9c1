import { FloraError } from '../index.js';

/** What went wrong, for people; a stack only where it is not known what it was. */
export function told(error: unknown): string {
  if (error instanceof FloraError) return error.message;
  const { code, port, stack } = error as { code?: unknown; port?: number; stack?: string };
  if (code === 'EADDRINUSE') return `Port ${port} is taken; close what uses it, or set PORT.`;
  return stack ?? String(error);
}
