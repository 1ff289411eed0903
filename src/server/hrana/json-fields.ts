import { QuorateError } from '../../errors/interface.ts';

/** An object that came as JSON; nothing about its fields is known. */
export type JsonObject = Readonly<Record<string, unknown>>;

const largestId = 2 ** 31 - 1;
const smallestId = -(2 ** 31);

/** @throws QuorateError PROTOCOL_ERROR */
export function malformed(what: string): never {
  throw new QuorateError('PROTOCOL_ERROR', what);
}

/** @throws QuorateError MESSAGE_TOO_LARGE when there are more than the option allows */
export function checkCount(list: readonly unknown[], limit: number, what: string, option: string): void {
  if (list.length > limit) {
    throw new QuorateError('MESSAGE_TOO_LARGE', `${what} may be ${limit} at most, and ${list.length} were sent`, {
      hint: `Send them in several requests, or raise ${option}.`,
      details: { limit },
    });
  }
}

/** @throws QuorateError PROTOCOL_ERROR when the value is no object */
export function objectOf(value: unknown, what: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    malformed(`${what} must be an object`);
  }
  return value as JsonObject;
}

/** Clients send null for a field that they leave out. */
export function isAbsent(value: unknown): value is null | undefined {
  return value === undefined || value === null;
}

/** The items of an array; none when the field is absent. */
export function listOf(value: unknown, what: string): readonly unknown[] {
  if (isAbsent(value)) {
    return [];
  }
  return Array.isArray(value) ? value : malformed(`${what} must be an array`);
}

export function textOf(value: unknown, what: string): string {
  return typeof value === 'string' ? value : malformed(`${what} must be a string`);
}

export function flagOf(value: unknown, what: string, absent: boolean): boolean {
  if (isAbsent(value)) {
    return absent;
  }
  return typeof value === 'boolean' ? value : malformed(`${what} must be true or false`);
}

/** A whole number of 32 bits, such as the ids that clients choose. */
export function numberOf(value: unknown, what: string): number {
  const isNumber = typeof value === 'number' && Number.isInteger(value);
  return isNumber && value >= smallestId && value <= largestId ? value : malformed(`${what} must be an int32`);
}

/** A whole number of at least 0. */
export function countOf(value: unknown, what: string): number {
  const number = numberOf(value, what);
  return number >= 0 ? number : malformed(`${what} must not be negative`);
}

/** `replication_index`: a transaction id in decimal digits, or a number; 0 when it is absent. */
export function indexOf(value: unknown): number {
  if (isAbsent(value)) {
    return 0;
  }
  const index = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
  return typeof index === 'number' && Number.isSafeInteger(index) && index >= 0
    ? index
    : malformed('replication_index must be a transaction id in decimal digits');
}
