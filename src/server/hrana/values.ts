import { QuorateError } from '../../errors/interface.ts';
import type { SqlValue, StatementResult } from '../../sqlite/interface.ts';
import { type JsonObject, malformed, objectOf, textOf } from './json-fields.ts';

const integerDigits = /^[+-]?\d{1,19}$/;
const minimumInteger = -(2n ** 63n);
const maximumInteger = 2n ** 63n - 1n;
const base64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** A value of a statement. An `integer` becomes a bigint, a `float` a number. @throws QuorateError PROTOCOL_ERROR */
export function decodeValue(json: unknown): SqlValue {
  const value = objectOf(json, 'a value');
  switch (value.type) {
    case 'null':
      return null;
    case 'integer':
      return decodeInteger(value.value);
    case 'float':
      return typeof value.value === 'number' ? value.value : malformed('the value of a float must be a number');
    case 'text':
      return textOf(value.value, 'the value of a text');
    case 'blob':
      return decodeBlob(value);
    default:
      return malformed(`${JSON.stringify(value.type)} is no type of a value`);
  }
}

function decodeInteger(value: unknown): bigint {
  const isSafe = typeof value === 'number' && Number.isSafeInteger(value);
  if (!isSafe && !(typeof value === 'string' && integerDigits.test(value))) {
    malformed('the value of an integer must be a string of digits');
  }
  const integer = BigInt(value as string | number);
  return integer >= minimumInteger && integer <= maximumInteger ? integer : malformed(`${value} has more than 64 bits`);
}

/** With or without padding. @throws QuorateError PROTOCOL_ERROR */
export function decodeBlob(value: JsonObject): Uint8Array {
  const text = textOf(value.base64, 'the base64 of a blob');
  const padding = text.indexOf('=');
  const digits = padding < 0 ? text.length : padding;
  // One digit alone says nothing of a byte.
  return base64.test(text) && digits % 4 !== 1 ? Buffer.from(text, 'base64') : malformed('a blob is not in base64');
}

/** A value as JSON text: integers as strings, blobs in base64 without padding, which is all that some clients decode. */
export function encodeValue(value: SqlValue): string {
  switch (typeof value) {
    case 'bigint':
      return `{"type":"integer","value":"${value}"}`;
    case 'string':
      return `{"type":"text","value":${JSON.stringify(value)}}`;
    case 'number':
      return `{"type":"float","value":${encodeFloat(value)}}`;
    default:
      return value === null ? '{"type":"null"}' : encodeBlob(value);
  }
}

/** JSON has no form for what is not finite. */
function encodeFloat(value: number): string {
  if (!Number.isFinite(value)) {
    return 'null';
  }
  return Object.is(value, -0) ? '-0.0' : String(value);
}

function encodeBlob(value: Uint8Array): string {
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  return `{"type":"blob","base64":"${text.replace(/=+$/, '')}"}`;
}

export function encodeRow(row: readonly SqlValue[]): string {
  return `[${row.map(encodeValue).join(',')}]`;
}

export function encodeColumns({ columns, columnTypes }: Pick<StatementResult, 'columns' | 'columnTypes'>): string {
  const encoded = columns.map((name, i) => {
    const type = columnTypes[i] ?? null;
    return `{"name":${JSON.stringify(name)},"decltype":${type === null ? 'null' : JSON.stringify(type)}}`;
  });
  return `[${encoded.join(',')}]`;
}

/** Joins encoded rows until they are longer than they may be. @throws QuorateError RESULT_TOO_LARGE */
export function encodeRows(rows: StatementResult['rows'], budget: ResponseBudget): string {
  let text = '';
  for (const row of rows) {
    const encoded = encodeRow(row);
    budget.take(encoded.length);
    text += text === '' ? encoded : `,${encoded}`;
  }
  return `[${text}]`;
}

/** The characters of rows that an answer may still take. */
export class ResponseBudget {
  readonly #limit: number;
  #left: number;

  constructor(limit: number) {
    this.#limit = limit;
    this.#left = limit;
  }

  /** Bytes that the next result may have. */
  get left(): number {
    return Math.max(1, this.#left);
  }

  /** @throws QuorateError RESULT_TOO_LARGE */
  take(size: number): void {
    this.#left -= size;
    if (this.#left < 0) {
      throw new QuorateError('RESULT_TOO_LARGE', `the answer has more than ${this.#limit} bytes of rows`, {
        hint: 'Ask for fewer rows or columns, use a cursor, or raise hrana-max-response-bytes.',
        details: { limitBytes: this.#limit },
      });
    }
  }
}
