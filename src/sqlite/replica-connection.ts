import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { type CheckpointMode, type CheckpointResult, runCheckpoint } from './checkpoint.ts';
import type { Tolerate } from './forced-change.ts';
import { StateTable } from './internal-schema.ts';
import { OperationApplier } from './operation-applier.ts';
import type { ReadableChange } from './readable-operations.ts';
import type { RepairOutcome, WantedRow } from './row-repair.ts';
import { restoreTriggers, suspendTriggers } from './suspended-triggers.ts';
import type { AppliedPosition } from './types.ts';
import { holdCheckpoints, openForWriting, translated } from './writing-connection.ts';

/**
 * The connection that applies captured transactions. Triggers are suspended and foreign keys off: what they did on the
 * primary is in the captured changes. All methods throw `QuorateError`s.
 */
export class ReplicaConnection implements Disposable {
  readonly #db: DatabaseSync;
  readonly #applier: OperationApplier;
  readonly #state: StateTable;
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;

  private constructor(db: DatabaseSync) {
    this.#db = db;
    this.#applier = new OperationApplier(db);
    this.#state = new StateTable(db);
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
  }

  /** Opens or creates a database for applying, and suspends its triggers. */
  static open(path: string): ReplicaConnection {
    return translated(() => {
      const db = openForWriting(path, { primary: false });
      try {
        db.exec('BEGIN IMMEDIATE');
        suspendTriggers(db);
        db.exec('COMMIT');
        return new ReplicaConnection(db);
      } catch (error) {
        db.close();
        throw error;
      }
    });
  }

  get inTransaction(): boolean {
    return this.#db.isTransaction;
  }

  /** Hash of the logical schema, suspended triggers included. */
  get schemaHash(): bigint {
    return this.#applier.schemaHash;
  }

  begin(): void {
    translated(() => this.#begin.run());
  }

  commit(): void {
    translated(() => this.#commit.run());
  }

  rollback(): void {
    translated(() => {
      if (this.#db.isTransaction) {
        this.#db.exec('ROLLBACK');
      }
      this.#applier.reset();
    });
  }

  /**
   * Applies the operations of one record inside the open transaction. After an error the transaction is to be rolled
   * back.
   *
   * @param schemaHash hash of the primary's schema after the record
   * @param tolerate told of each row that is not as it was on the primary, and is changed all the same
   * @throws QuorateError DIVERGED when a row is not as it was on the primary; SCHEMA_MISMATCH when a table or the schema
   *   afterwards is not; PROTOCOL_ERROR for what is no list of operations
   */
  apply(operations: Uint8Array, schemaHash: bigint, tolerate?: Tolerate): void {
    translated(() => this.#applier.apply(operations, tolerate));
    if (this.#applier.schemaHash !== schemaHash) {
      throw new QuorateError('SCHEMA_MISMATCH', 'the schema is not the one the record was written under', {
        hint: 'The schema was changed on this copy. Copy the database again from its upstream: quorate database rejoin DATABASE',
      });
    }
  }

  /**
   * Takes back the operations of the last record applied, inside the open transaction. After an error the transaction is
   * to be rolled back.
   *
   * @throws QuorateError SNAPSHOT_REQUIRED when the record does not tell what was before; DIVERGED when a row is not as
   *   the record left it
   */
  undo(operations: Uint8Array): void {
    translated(() => this.#applier.undo(operations));
  }

  /** Gives rows other content, inside the open transaction and past the log. @throws QuorateError SCHEMA_MISMATCH … */
  repair(table: string, wanted: readonly WantedRow[]): RepairOutcome {
    return translated(() => this.#applier.repair(table, wanted));
  }

  /** What operations did, for people. */
  describe(operations: Uint8Array): Iterable<ReadableChange> {
    return this.#applier.describe(operations);
  }

  /** Puts the triggers back into force, as the last step of a recovery inside its transaction. */
  restoreTriggers(): void {
    translated(() => restoreTriggers(this.#db));
  }

  readPosition(): AppliedPosition {
    return translated(() => this.#state.read());
  }

  /** Sets the position, inside the transaction whose changes it stands for. */
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
    this.#db.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
