import { QuorateError } from '../../errors/interface.ts';
import { readStatements, type SqlValue, type Statement, type StatementText } from '../../sqlite/interface.ts';
import type { WireStatement } from './wire-types.ts';

/** Texts of which it is remembered what they are; the one used longest ago goes first. */
const maxKnownTexts = 1_000;

/** Longer texts are read anew each time. */
const maxKnownTextLength = 8 * 1024;

/** Reads SQL texts, and remembers what was read of those that come often. */
export class SqlTexts {
  readonly #maxSqlBytes: number;
  readonly #known = new Map<string, StatementText>();

  constructor(maxSqlBytes: number) {
    this.#maxSqlBytes = maxSqlBytes;
  }

  /** The one statement of a text. @throws QuorateError SQL_NO_STATEMENT, SQL_MANY_STATEMENTS, MESSAGE_TOO_LARGE */
  one(sql: string): StatementText {
    const known = this.#known.get(sql);
    if (known !== undefined) {
      return known;
    }
    this.#checkLength(sql);
    const [statement, ...others] = readStatements(sql);
    if (statement === undefined) {
      throw new QuorateError('SQL_NO_STATEMENT', 'the text holds no SQL statement');
    }
    if (others.length > 0) {
      throw new QuorateError('SQL_MANY_STATEMENTS', `${others.length + 1} statements were sent where one is expected`, {
        hint: 'Send them as a batch or as a sequence.',
      });
    }
    this.#remember(sql, statement);
    return statement;
  }

  /** All statements of a text. @throws QuorateError MESSAGE_TOO_LARGE */
  all(sql: string, maxStatements: number): readonly StatementText[] {
    refuseNul(sql);
    const statements = readStatements(sql);
    if (statements.length > maxStatements) {
      throw new QuorateError('MESSAGE_TOO_LARGE', `the text holds more than ${maxStatements} statements`, {
        hint: 'Send it in several requests, or raise hrana-max-batch-steps.',
        details: { limit: maxStatements },
      });
    }
    for (const statement of statements) {
      this.#checkLength(statement.sql);
    }
    return statements;
  }

  #remember(sql: string, statement: StatementText): void {
    if (sql.length > maxKnownTextLength) {
      return;
    }
    this.#known.set(sql, statement);
    const [oldest] = this.#known.keys();
    if (this.#known.size > maxKnownTexts && oldest !== undefined) {
      this.#known.delete(oldest);
    }
  }

  #checkLength(sql: string): void {
    refuseNul(sql);
    const limit = this.#maxSqlBytes;
    // No character has more than three bytes for each of its UTF-16 units.
    if (sql.length * 3 > limit && Buffer.byteLength(sql) > limit) {
      throw new QuorateError('MESSAGE_TOO_LARGE', `a statement may have ${limit} bytes`, {
        hint: 'Send large values as arguments, or raise hrana-max-sql-bytes.',
        details: { limitBytes: limit },
      });
    }
  }
}

function refuseNul(sql: string): void {
  if (sql.includes('\0')) {
    throw new QuorateError('INVALID_ARGUMENT', 'a statement must be a text without NUL characters');
  }
}

/**
 * A statement with its values in the order of its parameters.
 * @throws QuorateError ARGS_INVALID, ARGS_BOTH_POSITIONAL_AND_NAMED
 */
export function bound(text: StatementText, { values, namedValues }: WireStatement): Statement {
  const { names } = text.parameters;
  if (values.length > 0 && namedValues.length > 0) {
    throw new QuorateError('ARGS_BOTH_POSITIONAL_AND_NAMED', 'positional and named values were sent together');
  }
  if (namedValues.length > 0) {
    // Of two values of one name the first counts.
    const byName = new Map(namedValues.toReversed().map(({ name, value }) => [name, value]));
    return { sql: text.sql, parameters: names.map((name) => namedValueOf(name, byName)), exactNumbers: true };
  }
  if (values.length !== names.length) {
    throw new QuorateError(
      'ARGS_INVALID',
      `the statement has ${names.length} parameters, and ${values.length} values were sent`,
      { details: { expected: names.length, given: values.length } },
    );
  }
  return { sql: text.sql, parameters: values, exactNumbers: true };
}

/** The value whose name is the same with or without its prefix; values that the statement has no use for are ignored. */
function namedValueOf(parameter: string | null, values: ReadonlyMap<string, SqlValue>): SqlValue {
  const name = parameter !== null && !values.has(parameter) ? parameter.slice(1) : parameter;
  const value = name === null ? undefined : values.get(name);
  if (value === undefined) {
    throw new QuorateError('ARGS_INVALID', `no value was sent for the parameter ${parameter ?? '?'}`);
  }
  return value;
}
