import { type ErrorCode, errorCodes } from './error-codes.ts';

/** Machine-readable facts that belong to an error, such as limits, positions and names. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean>>;

/** The form of an error that crosses threads, processes and the wire. */
export interface SerializedError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly details?: ErrorDetails | undefined;
}

interface ErrorOptions {
  /** What the person can do about it. */
  readonly hint?: string | undefined;
  readonly details?: ErrorDetails | undefined;
  readonly cause?: unknown;
}

/** The one error class of Quorate: `message` says what happened, `hint` what to do. */
export class QuorateError extends Error {
  override readonly name = 'QuorateError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly details: ErrorDetails | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.details = options.details;
  }

  /** Whether the same request may succeed later without anybody changing anything. */
  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }

  /** The form that crosses threads, processes and the wire; the cause stays behind. */
  serialize(): SerializedError {
    return { code: this.code, message: this.message, hint: this.hint, details: this.details };
  }

  static deserialize(error: SerializedError): QuorateError {
    return new QuorateError(error.code, error.message, { hint: error.hint, details: error.details });
  }
}

export function isQuorateError(error: unknown): error is QuorateError {
  return error instanceof QuorateError;
}

/** Wraps anything thrown: a `QuorateError` stays itself, everything else becomes `fallback` with its cause. */
export function asQuorateError(error: unknown, fallback: ErrorCode = 'INTERNAL'): QuorateError {
  if (isQuorateError(error)) {
    return error;
  }
  const message = error instanceof Error ? error.message : String(error);
  return new QuorateError(fallback, message, { cause: error });
}

/** A broken assumption inside Quorate. Fatal: whoever catches it must not go on with the same state. */
export function assertInvariant(condition: unknown, message: string): asserts condition {
  if (!condition) {
    throw new QuorateError('INTERNAL', `invariant broken: ${message}`);
  }
}
