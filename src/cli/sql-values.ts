import { QuorateError } from '../errors/interface.ts';
import type { SqlParameters, SqlValue } from '../sqlite/interface.ts';
import type { Cell } from './text-table.ts';

const integerPattern = /^[+-]?\d+$/;
const realPattern = /^[+-]?(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?$/;
const blobPattern = /^x'((?:[0-9a-f]{2})*)'$/i;
const namePattern = /^[:@$]([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s;
const smallest = -(2n ** 63n);
const largest = 2n ** 63n - 1n;

/** A value as people write it: `7`, `1.5`, `null`, `x'00ff'`, `"7"` in quotes for text, anything else is text. */
export function parseSqlValue(text: string): SqlValue {
  if (text.toLowerCase() === 'null') {
    return null;
  }
  if (integerPattern.test(text)) {
    const value = BigInt(text);
    return value >= smallest && value <= largest ? value : Number(text);
  }
  if (realPattern.test(text)) {
    return Number(text);
  }
  const blob = blobPattern.exec(text);
  if (blob !== null) {
    return Buffer.from(blob[1] ?? '', 'hex');
  }
  return text.length >= 2 && text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
}

/** The values of `--param`: all positional, or all `:name=value`. @throws QuorateError INVALID_ARGUMENT for a mixture */
export function parseParameters(texts: readonly string[]): SqlParameters | undefined {
  if (texts.length === 0) {
    return undefined;
  }
  const named = texts.map((text) => namePattern.exec(text));
  if (named.every((match) => match === null)) {
    return texts.map(parseSqlValue);
  }
  if (named.some((match) => match === null)) {
    throw new QuorateError('INVALID_ARGUMENT', '--param has positional and named values', {
      hint: "Use one kind: --param 7 --param blue, or --param ':id=7' --param ':color=blue'.",
    });
  }
  return Object.fromEntries(named.map((match) => [match?.[1] ?? '', parseSqlValue(match?.[2] ?? '')]));
}

/** A value in a table. */
export function sqlCell(value: SqlValue): Cell {
  if (value === null) {
    return { text: 'NULL' };
  }
  if (typeof value === 'string') {
    return { text: printable(value) };
  }
  if (value instanceof Uint8Array) {
    return { text: `x'${Buffer.from(value).toString('hex')}'` };
  }
  return { text: formatNumber(value), align: 'right' };
}

/** A REAL is shown as one, also when it is whole, as the shell of SQLite does. */
function formatNumber(value: number | bigint): string {
  return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 1e15
    ? `${Object.is(value, -0) ? '-0' : value}.0`
    : String(value);
}

/** A text must not move the cursor of a terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => escapes.get(character) ?? hexEscape(character));
}

const escapes = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

function hexEscape(character: string): string {
  return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
}

/** A value in JSON; `toJson` keeps the digits of a bigint. */
export function sqlJson(value: SqlValue): unknown {
  return value instanceof Uint8Array ? { base64: Buffer.from(value).toString('base64') } : value;
}
