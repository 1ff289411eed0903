import type { DatabaseSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { ByteReader, malformed, type StoredValue } from './byte-reader.ts';
import type { Tolerate } from './forced-change.ts';
import { decodeKey, IdempotencyKeys } from './idempotency-keys.ts';
import { inverseOperations } from './inverse-operations.ts';
import { markerIdBytes } from './marker.ts';
import { operationKinds, pragmaCodes, sequenceFlags } from './operation-format.ts';
import { listOperations } from './operation-list.ts';
import { type ReadableChange, readableOperations } from './readable-operations.ts';
import { RowApplier } from './row-applier.ts';
import { type RepairOutcome, repairRows, type WantedRow } from './row-repair.ts';
import { mapSqliteError } from './sqlite-errors.ts';
import { hasSuspendedTriggers, restoreTriggers, suspendTriggers } from './suspended-triggers.ts';
import { TableCatalogue } from './table-catalogue.ts';
import type { SqlValue } from './types.ts';

/** Applies the operations of log records inside an open transaction. */
export class OperationApplier {
  readonly #db: DatabaseSync;
  readonly #catalogue: TableCatalogue;
  readonly #rows: RowApplier;
  readonly #keys: IdempotencyKeys;
  /** The schema has changed since triggers were suspended last. */
  #schemaChanging = false;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#catalogue = new TableCatalogue(db);
    this.#rows = new RowApplier(db, this.#catalogue);
    this.#keys = new IdempotencyKeys(db);
  }

  get schemaHash(): bigint {
    return this.#catalogue.current.schemaHash;
  }

  /** `tolerate` as in RowApplier. @throws QuorateError DIVERGED, SCHEMA_MISMATCH, PROTOCOL_ERROR, or what SQLite refuses */
  apply(operations: Uint8Array, tolerate?: Tolerate): void {
    const reader = new ByteReader(operations);
    while (!reader.done) {
      const kind = reader.byte();
      const length = reader.varint();
      const next = reader.offset + length;
      if (next > operations.length) {
        throw malformed('an operation ends too early');
      }
      reader.end = next;
      this.#applyOne(kind, reader, tolerate);
      reader.offset = next;
      reader.end = operations.length;
    }
    this.#settleSchema();
  }

  /** Takes back what the operations did. @throws QuorateError SNAPSHOT_REQUIRED when they do not tell how; DIVERGED … */
  undo(operations: Uint8Array): void {
    const inverse = inverseOperations(operations);
    if (inverse === undefined) {
      throw new QuorateError('SNAPSHOT_REQUIRED', 'a transaction cannot be taken back from the log alone', {
        hint: 'It changed the schema, AUTOINCREMENT values or a pragma, or replaced rows. Copy the database again from its upstream: quorate database rejoin DATABASE',
      });
    }
    this.apply(inverse);
    for (const { kind, payload } of listOperations(operations)) {
      if (kind === operationKinds.key) {
        this.#keys.remove(decodeKey(new ByteReader(payload)).key);
      }
    }
  }

  /** Gives rows other content, past the log. */
  repair(table: string, wanted: readonly WantedRow[]): RepairOutcome {
    return repairRows(this.#db, this.#catalogue, table, wanted);
  }

  /** What operations did, for people. */
  describe(operations: Uint8Array): Iterable<ReadableChange> {
    return readableOperations(operations, this.#catalogue);
  }

  /** Reads the schema again, after a rollback. */
  reset(): void {
    this.#schemaChanging = false;
    this.#catalogue.refresh();
    this.#rows.forget();
  }

  #applyOne(kind: number, payload: ByteReader, tolerate: Tolerate | undefined): void {
    switch (kind) {
      case operationKinds.rows:
        this.#settleSchema();
        return this.#rows.apply(payload, tolerate);
      case operationKinds.schema:
        return this.#changeSchema(payload.view(payload.end - payload.offset).toString());
      case operationKinds.sequences:
        return this.#setSequences(payload);
      case operationKinds.pragma:
        return this.#setPragma(payload);
      case operationKinds.termStart:
        return;
      case operationKinds.marker:
        payload.view(markerIdBytes);
        return;
      case operationKinds.key:
        return this.#keys.add(decodeKey(payload));
      default:
        throw malformed(`unknown operation kind ${kind}`);
    }
  }

  /** Schema statements run with the triggers in force: ALTER TABLE rewrites them, DROP TABLE drops them. */
  #changeSchema(sql: string): void {
    if (!this.#schemaChanging && hasSuspendedTriggers(this.#db)) {
      restoreTriggers(this.#db);
    }
    this.#schemaChanging = true;
    try {
      this.#db.exec(sql);
    } catch (error) {
      const mapped = mapSqliteError(error);
      throw new QuorateError('SCHEMA_MISMATCH', `a schema change of the primary fails here: ${mapped.message}`, {
        cause: mapped,
        hint: 'Copy the database again from its upstream: quorate database rejoin DATABASE',
        details: { sql: sql.slice(0, 200) },
      });
    }
  }

  #settleSchema(): void {
    if (this.#schemaChanging) {
      suspendTriggers(this.#db);
      this.reset();
    }
  }

  #setSequences(payload: ByteReader): void {
    if ((payload.byte() & sequenceFlags.complete) !== 0 && this.#hasSequences()) {
      this.#db.exec('DELETE FROM main.sqlite_sequence');
    }
    for (let count = payload.varint(); count > 0; count--) {
      const name = payload.name();
      const present = payload.byte() === 1;
      this.#db.prepare('DELETE FROM main.sqlite_sequence WHERE name = ?').run(name);
      if (present) {
        const value = bindable(payload.value());
        this.#db.prepare('INSERT INTO main.sqlite_sequence (name, seq) VALUES (?, ?)').run(name, value);
      }
    }
  }

  #hasSequences(): boolean {
    return this.#db.prepare("SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'").get() !== undefined;
  }

  #setPragma(payload: ByteReader): void {
    const code = payload.byte();
    const name = code === pragmaCodes.userVersion ? 'user_version' : 'application_id';
    if (code !== pragmaCodes.userVersion && code !== pragmaCodes.applicationId) {
      throw malformed(`unknown pragma ${code}`);
    }
    this.#db.exec(`PRAGMA main.${name} = ${BigInt(bindable(payload.value()) as bigint)}`);
  }
}

function bindable(value: StoredValue): SqlValue {
  if (value !== null && typeof value === 'object' && !(value instanceof Uint8Array)) {
    throw malformed('a text is not UTF-8');
  }
  return value;
}
