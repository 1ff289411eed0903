import process from 'node:process';
import { asQuorateError, QuorateError } from '../../errors/interface.ts';

/** What a file that was named and cannot be read fails with. */
export function fileError(cause: unknown): QuorateError {
  const { code, message } = asQuorateError(cause, 'IO_ERROR');
  const isNamed = cause instanceof Error && 'path' in cause;
  return new QuorateError(code, message, {
    cause,
    hint: isNamed ? `Name a file that you may read; a relative path begins at ${process.cwd()}.` : undefined,
  });
}
