import { QuorateError } from '../errors/interface.ts';
import { tokenize } from './tokenizer.ts';
import type { SqlParameters, SqlValue } from './types.ts';

/** What node:sqlite binds: a `bigint` becomes INTEGER, a `number` REAL. */
export type BoundParameters = readonly SqlValue[] | readonly [Readonly<Record<string, SqlValue>>];

/** The parameters that a statement declares, in the order of SQLite's own numbering. */
export interface ParameterList {
  /** Name of each parameter with its prefix, `?` and `?3` included, or null for a plain `?`. */
  readonly names: readonly (string | null)[];
  /** Some parameter is not a plain `?` or `?NNN`. */
  readonly named: boolean;
}

const minimumInteger = -(2n ** 63n);
const maximumInteger = 2n ** 63n - 1n;

/** SQLITE_MAX_VARIABLE_NUMBER: SQLite refuses a statement with more parameters, or with one of a higher number. */
const maxParameters = 32_766;

/** Lists the parameters of a statement as SQLite numbers them, up to those for which it refuses the statement. */
export function listParameters(sql: string): ParameterList {
  const names: (string | null)[] = [];
  const known = new Set<string>();
  const tokens = sql.includes('?') || /[:@$]/.test(sql) ? tokenize(sql) : [];
  for (const { kind, text } of tokens) {
    if (kind !== 'parameter' || known.has(text)) {
      continue;
    }
    const number = text.startsWith('?') && text.length > 1 ? Number(text.slice(1)) : names.length + 1;
    if (number < 1 || number > maxParameters) {
      break;
    }
    addParameter(names, number, text);
    if (text !== '?') {
      known.add(text);
    }
  }
  return { names, named: names.some((name) => name !== null && !name.startsWith('?')) };
}

/** A number may be beyond the parameters so far, and may stand for one that has a name already. */
function addParameter(names: (string | null)[], number: number, text: string): void {
  while (names.length < number) {
    names.push(null);
  }
  if (text !== '?') {
    names[number - 1] ??= text;
  }
}

/** The form in which one value is bound. @throws QuorateError INVALID_ARGUMENT for anything SQLite has no type for */
export function bindValue(value: SqlValue): SqlValue {
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) && !Object.is(value, -0) ? BigInt(value) : value;
  }
  if (value === null || typeof value === 'string' || value instanceof Uint8Array) {
    return value;
  }
  if (typeof value === 'bigint' && value >= minimumInteger && value <= maximumInteger) {
    return value;
  }
  throw unsupportedValue(value);
}

type BindOne = (value: SqlValue) => SqlValue;

/** A number stays a REAL. */
function bindExactly(value: SqlValue): SqlValue {
  return typeof value === 'number' ? value : bindValue(value);
}

/** The error for a parameter that SQLite has no type for. */
export function unsupportedValue(value: unknown): QuorateError {
  if (typeof value === 'bigint') {
    return new QuorateError('INVALID_ARGUMENT', 'a bigint parameter does not fit into 64 bits', {
      hint: 'Store it as text.',
    });
  }
  const type = value instanceof Object ? value.constructor.name : typeof value;
  return new QuorateError('INVALID_ARGUMENT', `a parameter of type ${type} cannot be stored`, {
    hint: 'Use null, number, bigint, string or Uint8Array: a date as text or as milliseconds, a boolean as 0 or 1.',
  });
}

function wrongCount(expected: number, given: number): QuorateError {
  return new QuorateError(
    'INVALID_ARGUMENT',
    `the statement has ${expected} parameters, but ${given} values were given`,
    {
      hint: 'Give one value for each parameter; write null where there is none.',
      details: { expected, given },
    },
  );
}

const nothing: readonly SqlValue[] = [];

/**
 * Checks and converts the parameters of one execution.
 *
 * @param exactNumbers a number is bound as REAL also when it is an integer
 * @throws QuorateError INVALID_ARGUMENT if the values do not fit the statement's parameters
 */
export function bindParameters(
  list: ParameterList,
  parameters: SqlParameters | undefined,
  exactNumbers = false,
): BoundParameters {
  if (parameters === undefined) {
    if (list.names.length > 0) {
      throw wrongCount(list.names.length, 0);
    }
    return nothing;
  }
  const bindOne = exactNumbers ? bindExactly : bindValue;
  return Array.isArray(parameters)
    ? bindPositional(list, parameters as readonly SqlValue[], bindOne)
    : bindNamed(list, parameters as Readonly<Record<string, SqlValue>>, bindOne);
}

function bindPositional(list: ParameterList, values: readonly SqlValue[], bindOne: BindOne): BoundParameters {
  if (values.length !== list.names.length) {
    throw wrongCount(list.names.length, values.length);
  }
  const bound = new Array<SqlValue>(values.length);
  for (let i = 0; i < values.length; i++) {
    bound[i] = bindOne(values[i] as SqlValue);
  }
  return list.named ? positionalToNamed(list, bound) : bound;
}

/** node:sqlite binds arrays to plain `?` and `?NNN` only. */
function positionalToNamed(list: ParameterList, values: readonly SqlValue[]): BoundParameters {
  const named: Record<string, SqlValue> = {};
  const plain: SqlValue[] = [];
  for (const [i, name] of list.names.entries()) {
    if (name === null || name.startsWith('?')) {
      plain.push(values[i] as SqlValue);
    } else {
      named[name] = values[i] as SqlValue;
    }
  }
  return [named, ...plain] as unknown as BoundParameters;
}

function bindNamed(list: ParameterList, values: Readonly<Record<string, SqlValue>>, bindOne: BindOne): BoundParameters {
  const bound: Record<string, SqlValue> = {};
  for (const name of list.names) {
    if (name === null) {
      throw new QuorateError('INVALID_ARGUMENT', 'the statement has parameters without a name', {
        hint: 'Give the values as an array, or name every parameter.',
      });
    }
    const value = Object.hasOwn(values, name) ? values[name] : values[name.slice(1)];
    if (value === undefined) {
      throw new QuorateError('INVALID_ARGUMENT', `no value was given for the parameter ${name}`);
    }
    bound[name] = bindOne(value);
  }
  refuseUnknown(list, values);
  return [bound];
}

function refuseUnknown(list: ParameterList, values: Readonly<Record<string, SqlValue>>): void {
  const known = new Set(list.names.flatMap((name) => (name === null ? [] : [name, name.slice(1)])));
  for (const key of Object.keys(values)) {
    if (!known.has(key)) {
      throw new QuorateError('INVALID_ARGUMENT', `the statement has no parameter named ${key}`);
    }
  }
}
