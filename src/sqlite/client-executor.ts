import type { DatabaseSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import type { CaptureMark } from './capture-buffer.ts';
import type { ChangeCapture } from './change-capture.ts';
import type { ClientTransaction } from './client-transaction.ts';
import { keyTable, stateTable, suspendedTable } from './internal-names.ts';
import { operationKinds } from './operation-format.ts';
import { parsePragma } from './pragma-rules.ts';
import { LastChange } from './prepared-statement.ts';
import type { ResultLimits } from './result-limits.ts';
import type { ShadowCapture } from './shadow-capture.ts';
import type { ClientStatement, StatementPreparer } from './statement-preparer.ts';
import type { SchemaSnapshot, TableCatalogue } from './table-catalogue.ts';
import { parseSavepoint } from './transaction-control.ts';
import type { Statement, StatementDescription, StatementResult } from './types.ts';
import type { BoundParameters } from './value-binding.ts';

/** The parts that running a statement needs. */
export interface ExecutorParts {
  readonly db: DatabaseSync;
  readonly catalogue: TableCatalogue;
  readonly capture: ChangeCapture;
  readonly shadow: ShadowCapture;
  readonly preparer: StatementPreparer;
  readonly limits: ResultLimits;
}

/** Internal tables and indexes that every database has. */
const ownNames: ReadonlySet<string> = new Set([stateTable, suspendedTable, keyTable, `${keyTable}_age`]);

const emptyResult: StatementResult = { columns: [], columnTypes: [], rows: [], changes: 0, lastInsertRowid: 0n };

/** Runs the statements of client transactions and captures what they do. A statement that fails leaves no trace. */
export class ClientExecutor {
  readonly #db: DatabaseSync;
  readonly #catalogue: TableCatalogue;
  readonly #capture: ChangeCapture;
  readonly #shadow: ShadowCapture;
  readonly #preparer: StatementPreparer;
  readonly #lastChange: LastChange;
  readonly #limits: ResultLimits;

  constructor({ db, catalogue, capture, shadow, preparer, limits }: ExecutorParts) {
    this.#limits = limits;
    this.#db = db;
    this.#catalogue = catalogue;
    this.#capture = capture;
    this.#shadow = shadow;
    this.#preparer = preparer;
    this.#lastChange = new LastChange(db);
  }

  /** What a statement returns, which is prepared and not run. */
  describe(sql: string): StatementDescription {
    const { columns, columnTypes } = this.#preparer.prepare(sql);
    return { columns, columnTypes };
  }

  run(client: ClientTransaction, request: Statement, bigint: boolean): StatementResult {
    const statement = this.#preparer.prepare(request.sql);
    const bound = statement.bind(request);
    if (statement.plain) {
      return this.#runRows(statement, bound, bigint);
    }
    switch (statement.kind) {
      case 'schema':
        return this.#runSchema(client, statement, bound);
      case 'transaction-control':
        return this.#runSavepoint(client, statement);
      case 'pragma':
        return this.#runPragma(client, statement, bigint);
      default:
        return this.#runSpecial(client, statement, bound, bigint);
    }
  }

  #runRows(statement: ClientStatement, bound: BoundParameters, bigint: boolean): StatementResult {
    const { buffer } = this.#capture;
    const mark = buffer.mark();
    this.#capture.statementReplaces = statement.replaces;
    try {
      return statement.returnsRows ? this.#fetch(statement, bound, bigint) : statement.execute(bound);
    } catch (error) {
      buffer.rewind(mark);
      throw error;
    }
  }

  #fetch(statement: ClientStatement, bound: BoundParameters, bigint: boolean): StatementResult {
    const rows = statement.fetch(bound, bigint, this.#limits);
    const { columns, columnTypes } = statement;
    if (statement.kind !== 'write') {
      return { columns, columnTypes, rows, changes: 0, lastInsertRowid: 0n };
    }
    const { changes, lastInsertRowid } = this.#lastChange.read();
    const inserted = changes > 0 && statement.effects.insertedTables.size > 0;
    return { columns, columnTypes, rows, changes, lastInsertRowid: inserted ? lastInsertRowid : 0n };
  }

  /** Statements that need a session, a savepoint of their own or a look at sqlite_sequence. */
  #runSpecial(
    client: ClientTransaction,
    statement: ClientStatement,
    bound: BoundParameters,
    bigint: boolean,
  ): StatementResult {
    if (statement.writesVirtual) {
      this.#shadow.open();
    }
    for (const name of statement.sequences) {
      client.sequences.add(name);
    }
    client.allSequences ||= statement.writesSequenceTable;
    return statement.guarded
      ? this.#guarded(() => this.#runRows(statement, bound, bigint))
      : this.#runRows(statement, bound, bigint);
  }

  /** Runs an action in a savepoint, so that its failure leaves no trace. */
  #guarded<Result>(action: () => Result): Result {
    const mark = this.#capture.buffer.mark();
    this.#db.exec('SAVEPOINT _quorate_statement');
    try {
      const result = action();
      this.#db.exec('RELEASE _quorate_statement');
      return result;
    } catch (error) {
      this.#undo(mark);
      throw error;
    }
  }

  #undo(mark: CaptureMark): void {
    this.#capture.buffer.rewind(mark);
    // RAISE(ROLLBACK) has ended the transaction with all its savepoints.
    if (this.#db.isTransaction) {
      this.#db.exec('ROLLBACK TO _quorate_statement; RELEASE _quorate_statement');
    }
  }

  #runSchema(client: ClientTransaction, statement: ClientStatement, bound: BoundParameters): StatementResult {
    this.#shadow.flush();
    this.#capture.buffer.closeRows();
    const before = this.#catalogue.current;
    try {
      this.#guarded(() => this.#changeSchema(statement, bound, before));
    } catch (error) {
      this.#catalogue.restore(before);
      this.#preparer.clear();
      throw error;
    }
    this.#preparer.clear();
    client.changesSchema ||= statement.effects.changesSchema;
    client.usesTemp ||= statement.effects.changesTempSchema;
    return emptyResult;
  }

  #changeSchema(statement: ClientStatement, bound: BoundParameters, before: SchemaSnapshot): void {
    const released = [...statement.effects.alteredTables].flatMap((name) => before.tables.get(name) ?? []);
    for (const table of released) {
      this.#capture.release(table);
    }
    this.#capture.statementReplaces = false;
    statement.statement.run(...(bound as []));
    const after = this.#catalogue.refresh();
    refuseSchema(before, after, statement.effects.createdTable);
    this.#capture.adopt(before, released);
    if (after.schemaHash !== before.schemaHash) {
      this.#logSchemaChange(statement);
    }
  }

  #logSchemaChange(statement: ClientStatement): void {
    const { tableFromSelect } = statement.effects;
    const table = tableFromSelect === undefined ? undefined : this.#catalogue.current.tables.get(tableFromSelect);
    const { buffer } = this.#capture;
    buffer.append(operationKinds.schema, Buffer.from(table?.sql ?? statement.sql, 'utf8'));
    if (table !== undefined) {
      this.#capture.captureAllRows(table);
      buffer.closeRows();
    }
  }

  #runSavepoint(client: ClientTransaction, statement: ClientStatement): StatementResult {
    const { action, name } = parseSavepoint(statement.sql);
    if (action === 'savepoint') {
      this.#shadow.flush();
      this.#capture.buffer.closeRows();
    }
    statement.statement.run();
    if (action === 'savepoint') {
      client.push({ name, mark: this.#capture.buffer.mark(), schema: this.#catalogue.current });
    } else if (action === 'release') {
      client.release(name);
    } else {
      this.#rewind(client, name);
    }
    return emptyResult;
  }

  #rewind(client: ClientTransaction, name: string): void {
    const savepoint = client.rewindTo(name);
    if (savepoint === undefined) {
      return;
    }
    this.#shadow.discard();
    this.#capture.buffer.rewind(savepoint.mark);
    this.#catalogue.restore(savepoint.schema);
    this.#preparer.clear();
  }

  #runPragma(client: ClientTransaction, statement: ClientStatement, bigint: boolean): StatementResult {
    const call = parsePragma(statement.sql);
    client.setsPragmas ||=
      call?.argument !== null && (call?.name === 'user_version' || call?.name === 'application_id');
    client.defersForeignKeys ||= call?.name === 'defer_foreign_keys';
    if (statement.returnsRows) {
      return this.#fetch(statement, [], bigint);
    }
    statement.statement.run();
    return emptyResult;
  }
}

/** See `SchemaSnapshot.miscountedTables`. */
export function miscountedRefusal(table: string): QuorateError {
  const what = `a BEFORE trigger of ${table} writes to it, and the table has deferred foreign keys`;
  return new QuorateError('UNSUPPORTED_STATEMENT', `${what}, which SQLite then miscounts`, {
    hint: 'Make it an AFTER trigger, or the foreign keys immediate.',
    details: { table },
  });
}

/** Refuses what only the changed schema shows, such as the new name of RENAME TO. */
function refuseSchema(before: SchemaSnapshot, after: SchemaSnapshot, created: string | undefined): void {
  for (const [name, table] of after.tables) {
    const becomesShadow = before.tables.get(name)?.kind === 'ordinary' || name === created;
    if (table.kind === 'shadow' && becomesShadow) {
      throw new QuorateError('UNSUPPORTED_STATEMENT', `SQLite takes the table ${name} for a part of a virtual table`, {
        hint: 'Give the table a name that does not start with the name of a full-text or R-Tree table.',
      });
    }
  }
  const miscounted = after.miscountedTables.find((name) => !before.miscountedTables.includes(name));
  if (miscounted !== undefined) {
    throw miscountedRefusal(miscounted);
  }
  const reserved = after.internalNames.find((name) => !ownNames.has(name));
  if (reserved !== undefined) {
    throw new QuorateError('UNSUPPORTED_STATEMENT', `the name ${reserved} is reserved`, {
      hint: 'Names that start with _quorate_ belong to Quorate; use another one.',
    });
  }
}
