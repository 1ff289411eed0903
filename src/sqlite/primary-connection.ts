import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { ChangeCapture } from './change-capture.ts';
import { type CheckpointMode, type CheckpointResult, runCheckpoint } from './checkpoint.ts';
import { ClientExecutor } from './client-executor.ts';
import { ClientTransaction } from './client-transaction.ts';
import { DeferredForeignKeys } from './deferred-foreign-keys.ts';
import { encodeKey, IdempotencyKeys, type KeyedTransaction } from './idempotency-keys.ts';
import { StateTable } from './internal-schema.ts';
import { markerOperations } from './marker.ts';
import { operationKinds } from './operation-format.ts';
import { defaultMaxCachedStatements, defaultMaxTransactionBytes, type PrimaryOptions } from './primary-options.ts';
import { RowImporter } from './row-importer.ts';
import { isLogical } from './schema-hash.ts';
import { ShadowCapture } from './shadow-capture.ts';
import { mapSqliteError } from './sqlite-errors.ts';
import { StatementAuthorizer } from './statement-authorizer.ts';
import { StatementPreparer } from './statement-preparer.ts';
import { type SchemaSnapshot, TableCatalogue } from './table-catalogue.ts';
import { dropTempObjects, refuseLoneTempStatement } from './temp-objects.ts';
import { appendFinalState } from './transaction-end.ts';
import type {
  AppliedPosition,
  CapturedTransaction,
  Statement,
  StatementDescription,
  StatementResult,
} from './types.ts';
import { holdCheckpoints, openForWriting, translated } from './writing-connection.ts';

/**
 * The connection that runs the writes of a primary and captures them for the log.
 *
 * One SQLite transaction (`begin` … `commit`) holds a group of client transactions (`beginClient` … `endClient` or
 * `abortClient`), each in a savepoint, so that one of them can fail alone. Everything is synchronous. All methods throw
 * `QuorateError`s: what SQLite refuses as SQL_ERROR, CONSTRAINT_VIOLATION, DISK_FULL, IO_ERROR, DATABASE_CORRUPT or
 * DATABASE_LOCKED.
 */
export class PrimaryConnection implements Disposable {
  readonly #db: DatabaseSync;
  readonly #catalogue: TableCatalogue;
  readonly #capture: ChangeCapture;
  readonly #shadow: ShadowCapture;
  readonly #preparer: StatementPreparer;
  readonly #executor: ClientExecutor;
  readonly #deferred: DeferredForeignKeys;
  readonly #state: StateTable;
  readonly #keys: IdempotencyKeys;
  readonly #control: Readonly<Record<'begin' | 'commit' | 'savepoint' | 'release', StatementSync>>;
  /** The schema at `begin`. */
  #groupSchema: SchemaSnapshot;
  #client: ClientTransaction | undefined;
  /** Whether SQLite enforces them now. */
  #foreignKeys = true;

  private constructor(db: DatabaseSync, options: PrimaryOptions) {
    this.#db = db;
    this.#catalogue = new TableCatalogue(db);
    this.#groupSchema = this.#catalogue.current;
    this.#capture = new ChangeCapture(db, this.#catalogue, options.maxTransactionBytes ?? defaultMaxTransactionBytes);
    this.#shadow = new ShadowCapture(db, this.#catalogue, this.#capture.buffer);
    const authorizer = new StatementAuthorizer(db, () => this.#catalogue.current);
    const cached = options.maxCachedStatements ?? defaultMaxCachedStatements;
    this.#preparer = new StatementPreparer(authorizer, this.#catalogue, cached);
    this.#executor = new ClientExecutor({
      db,
      catalogue: this.#catalogue,
      capture: this.#capture,
      shadow: this.#shadow,
      preparer: this.#preparer,
      limits: { maxBytes: options.maxResultBytes },
    });
    this.#deferred = new DeferredForeignKeys(db);
    this.#state = new StateTable(db);
    this.#keys = new IdempotencyKeys(db);
    this.#control = {
      begin: db.prepare('BEGIN IMMEDIATE'),
      commit: db.prepare('COMMIT'),
      savepoint: db.prepare('SAVEPOINT _quorate_client'),
      release: db.prepare('RELEASE _quorate_client'),
    };
  }

  /**
   * Opens or creates a database for writing. Triggers that a replica has suspended come back into force.
   *
   * @throws QuorateError UNSUPPORTED_STATEMENT for a file in UTF-16 or with a table that cannot be replicated
   */
  static open(path: string, options: PrimaryOptions = {}): PrimaryConnection {
    return translated(() => {
      const db = openForWriting(path, { primary: true, ...options });
      try {
        return new PrimaryConnection(db, options);
      } catch (error) {
        db.close();
        throw error;
      }
    });
  }

  /** Whether a group transaction is open. RAISE(ROLLBACK) and OR ROLLBACK of a client end it, with all its clients. */
  get inTransaction(): boolean {
    return this.#db.isTransaction;
  }

  /** Hash of the logical schema as it is now; see `docs/operations-format.md`. */
  get schemaHash(): bigint {
    return this.#catalogue.current.schemaHash;
  }

  /** Whether the schema has nothing but Quorate's own tables. */
  get isEmpty(): boolean {
    return !this.#catalogue.schemaRows().some(isLogical);
  }

  /** For `importDatabase` only: writes rows as they are, past what clients may do. */
  rowImporter(): RowImporter {
    return new RowImporter(this.#db, this.#catalogue, this.#shadow);
  }

  /**
   * Begins a group transaction and takes the write lock.
   * @param foreignKeys false: they are neither enforced nor acted on, and checked at the end of each client transaction
   * @throws QuorateError DATABASE_LOCKED
   */
  begin({ foreignKeys = true }: { readonly foreignKeys?: boolean } = {}): void {
    translated(() => {
      if (this.#foreignKeys !== foreignKeys) {
        // Inside a transaction SQLite ignores this pragma.
        this.#db.exec(`PRAGMA foreign_keys = ${foreignKeys ? 'ON' : 'OFF'}`);
        this.#foreignKeys = foreignKeys;
      }
      this.#control.begin.run();
    });
    this.#groupSchema = this.#catalogue.current;
  }

  /** Commits the group: from here on its changes are visible to readers. */
  commit(): void {
    translated(() => this.#control.commit.run());
    this.#groupSchema = this.#catalogue.current;
  }

  /** Undoes the whole group; nothing happens when SQLite has done so already. */
  rollback(): void {
    if (this.#db.isTransaction) {
      translated(() => this.#db.exec('ROLLBACK'));
    }
    this.#forgetClient();
    this.#returnToSchema(this.#groupSchema);
  }

  /** Begins a client transaction inside the group. */
  beginClient(): void {
    translated(() => this.#control.savepoint.run());
    this.#capture.buffer.clear();
    this.#client = new ClientTransaction(this.#catalogue.current);
    this.#client.defersForeignKeys = !this.#foreignKeys;
  }

  /**
   * Runs one statement of the open client transaction. A statement that fails leaves no trace (OR FAIL and RAISE(FAIL)
   * included); the client transaction stays open, unless `inTransaction` has become false.
   *
   * @throws QuorateError INVALID_ARGUMENT, UNSUPPORTED_STATEMENT, TRANSACTION_TOO_LARGE, INTEGER_OUT_OF_RANGE, or what
   *   SQLite refuses
   */
  run(statement: Statement, options: { readonly bigint?: boolean | undefined } = {}): StatementResult {
    const client = this.#openClient();
    try {
      const result = this.#executor.run(client, statement, options.bigint === true);
      client.statements++;
      return result;
    } catch (error) {
      if (!this.#db.isTransaction) {
        this.#loseGroup();
      }
      throw mapSqliteError(error);
    }
  }

  /** What a statement of the open client transaction would return, without running it. @throws QuorateError as `run` does */
  describe(sql: string): StatementDescription {
    return translated(() => this.#executor.describe(sql));
  }

  /**
   * Ends the client transaction successfully and returns what it did. When this throws, the client transaction is
   * still open and must be aborted.
   *
   * @param keyed the idempotency key that the transaction takes, with the id it will have
   * @throws QuorateError CONSTRAINT_VIOLATION for a violated deferred foreign key; TRANSACTION_TOO_LARGE
   */
  endClient(keyed?: KeyedTransaction): CapturedTransaction {
    const client = this.#openClient();
    return translated(() => {
      this.#shadow.flush();
      this.#capture.buffer.closeRows();
      this.#checkDeferredForeignKeys(client);
      refuseLoneTempStatement(client);
      appendFinalState(this.#db, client, this.#capture.buffer);
      if (keyed !== undefined) {
        this.#keys.add(keyed);
        this.#capture.buffer.append(operationKinds.key, encodeKey(keyed));
      }
      this.#endSpecial(client);
      const operations = this.#capture.buffer.take();
      this.#control.release.run();
      this.#client = undefined;
      return { operations, schemaHash: this.#catalogue.current.schemaHash };
    });
  }

  /** What a record is made of that only names a place in the log. */
  marker(id: Uint8Array): CapturedTransaction {
    return { operations: markerOperations(id), schemaHash: this.schemaHash };
  }

  /** The transaction that took an idempotency key not long ago, in this group or before it. */
  findKey(key: string, nowMs: number): KeyedTransaction | undefined {
    return translated(() => this.#keys.find(key, nowMs));
  }

  /** Undoes the open client transaction; nothing happens when there is none, or when its group is gone. */
  abortClient(): void {
    const client = this.#client;
    if (client === undefined) {
      return;
    }
    this.#forgetClient();
    translated(() => {
      if (this.#db.isTransaction) {
        this.#db.exec('ROLLBACK TO _quorate_client; RELEASE _quorate_client');
      }
      this.#resetDeferral(client);
    });
    this.#returnToSchema(client.schema);
    if (client.usesTemp) {
      this.#preparer.clear();
    }
  }

  /** Up to where the content is the fold of the log. */
  readPosition(): AppliedPosition {
    return translated(() => this.#state.read());
  }

  /** Sets the position, inside the open group transaction and outside of a client transaction. */
  writePosition(position: AppliedPosition): void {
    translated(() => this.#state.write(position));
  }

  /** Moves committed pages from the WAL into the database file, with fsync. Not inside a transaction. */
  checkpoint(mode: CheckpointMode): CheckpointResult {
    return translated(() => runCheckpoint(this.#db, mode));
  }

  /** While held, commits do not move pages into the database file, which they could not: it is frozen. */
  holdCheckpoints(held: boolean): void {
    translated(() => holdCheckpoints(this.#db, held));
  }

  close(): void {
    this.#shadow.discard();
    this.#db.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #openClient(): ClientTransaction {
    if (this.#client === undefined) {
      throw new QuorateError('TRANSACTION_CLOSED', 'no client transaction is open');
    }
    return this.#client;
  }

  #checkDeferredForeignKeys(client: ClientTransaction): void {
    const { writer } = this.#capture.buffer;
    const operations = writer.bytes.subarray(0, writer.length);
    this.#deferred.check(this.#catalogue.current, operations, {
      all: client.defersForeignKeys,
      changesSchema: client.changesSchema,
    });
  }

  #endSpecial(client: ClientTransaction): void {
    if (client.usesTemp) {
      dropTempObjects(this.#db);
      this.#preparer.clear();
    }
    this.#resetDeferral(client);
  }

  /** The pragma would otherwise last until the group's commit, for other clients too. */
  #resetDeferral(client: ClientTransaction): void {
    if (client.defersForeignKeys) {
      this.#db.exec('PRAGMA defer_foreign_keys = OFF');
    }
  }

  #loseGroup(): void {
    this.#forgetClient();
    this.#returnToSchema(this.#groupSchema);
  }

  #forgetClient(): void {
    this.#client = undefined;
    this.#shadow.discard();
    this.#capture.buffer.clear();
  }

  #returnToSchema(schema: SchemaSnapshot): void {
    if (this.#catalogue.current !== schema) {
      this.#catalogue.restore(schema);
      this.#preparer.clear();
    }
  }
}
