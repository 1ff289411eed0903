import { QuorateError } from '../errors/interface.ts';
import type { Row, SqlParameters, SqlValue } from './types.ts';

/** Values of Hrana; docs/hrana.md. */
export type WireValue =
  | { readonly type: 'null' }
  | { readonly type: 'integer'; readonly value: string }
  | { readonly type: 'float'; readonly value: number | null }
  | { readonly type: 'text'; readonly value: string }
  | { readonly type: 'blob'; readonly base64: string };

export interface WireResult {
  readonly cols: readonly { readonly name: string | null }[];
  readonly rows: readonly (readonly WireValue[])[];
  readonly affected_row_count: number;
  readonly last_insert_rowid: string | null;
  readonly quorate?: { readonly position: string; readonly acks: number; readonly repeated: boolean } | undefined;
}

/** The fields of a statement that carry its parameters. */
export function encodeParameters(parameters: SqlParameters | undefined): object {
  if (parameters === undefined) {
    return {};
  }
  return isList(parameters)
    ? { args: parameters.map(encodeValue) }
    : { named_args: Object.entries(parameters).map(([name, value]) => ({ name, value: encodeValue(value) })) };
}

function isList(parameters: SqlParameters): parameters is readonly SqlValue[] {
  return Array.isArray(parameters);
}

/** @throws QuorateError INVALID_ARGUMENT */
export function encodeValue(value: SqlValue): WireValue {
  switch (typeof value) {
    case 'bigint':
      return { type: 'integer', value: String(value) };
    case 'number':
      return encodeNumber(value);
    case 'string':
      return { type: 'text', value };
    default:
      break;
  }
  if (value === null) {
    return { type: 'null' };
  }
  if (value instanceof Uint8Array) {
    const base64 = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
    return { type: 'blob', base64 };
  }
  throw new QuorateError('INVALID_ARGUMENT', `a ${typeof value} is no value of SQLite`, {
    hint: 'Use null, a number, a bigint, a string or a Uint8Array.',
  });
}

function encodeNumber(value: number): WireValue {
  if (!Number.isFinite(value)) {
    throw new QuorateError('INVALID_ARGUMENT', `${value} cannot be sent in JSON`);
  }
  const isInteger = Number.isSafeInteger(value) && !Object.is(value, -0);
  return isInteger ? { type: 'integer', value: String(value) } : { type: 'float', value };
}

/** @throws QuorateError INTEGER_OUT_OF_RANGE */
function decodeValue(value: WireValue, bigint: boolean): SqlValue {
  switch (value.type) {
    case 'null':
      return null;
    case 'integer':
      return bigint ? BigInt(value.value) : safeInteger(value.value);
    case 'float':
      return value.value;
    case 'text':
      return value.value;
    case 'blob':
      return new Uint8Array(Buffer.from(value.base64, 'base64'));
  }
}

function safeInteger(digits: string): number {
  const number = Number(digits);
  if (!Number.isSafeInteger(number)) {
    throw new QuorateError('INTEGER_OUT_OF_RANGE', `${digits} is beyond what a number holds exactly`, {
      hint: 'Ask with { bigint: true }.',
    });
  }
  return number;
}

/** @throws QuorateError INTEGER_OUT_OF_RANGE */
export function rowsOf<R extends object = Row>({ cols, rows }: WireResult, bigint = false): R[] {
  return rows.map(
    (row) => Object.fromEntries(row.map((value, i) => [cols[i]?.name ?? '', decodeValue(value, bigint)])) as R,
  );
}
