import type { QuorateError } from '../errors/interface.ts';
import type { DatabaseFailure } from './types.ts';

/** An error as status shows it. @param atMs milliseconds since 1970 */
export function failureOf({ code, message, hint = '' }: QuorateError, atMs: number): DatabaseFailure {
  return { code, message, hint, atMs };
}
