import type { DatabaseSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { type ByteReader, RawText, type StoredValue } from './byte-reader.ts';
import { forceChange, type Tolerate } from './forced-change.ts';
import { RowChangeReader, type TableReference } from './row-change-reader.ts';
import { mapSqliteError } from './sqlite-errors.ts';
import type { TableCatalogue } from './table-catalogue.ts';
import type { TableShape } from './table-shape.ts';
import { TableWriter } from './table-writer.ts';

/** A change that could not be applied yet. */
interface ParkedChange {
  readonly table: TableReference;
  readonly start: number;
  readonly cause: QuorateError | undefined;
}

/** Changes that may wait for another one; a foreign-key action in a self-referencing row needs one. */
const maxParkedChanges = 1000;

/**
 * Applies rows operations in their order.
 *
 * A change is applied only where the row is as it was on the primary. Foreign-key actions are captured before the
 * change that caused them, so a change that does not fit is parked and tried again after each later one. Every change
 * carries what it starts from, so any order that fits leads to the same rows. What still does not fit at the end of the
 * operation is a divergence.
 */
export class RowApplier {
  readonly #db: DatabaseSync;
  readonly #catalogue: TableCatalogue;
  #writers = new Map<TableShape, TableWriter>();
  readonly #change = new RowChangeReader();
  #parked: ParkedChange[] = [];
  #lastReference: TableReference | undefined;
  #lastWriter: TableWriter | undefined;

  constructor(db: DatabaseSync, catalogue: TableCatalogue) {
    this.#db = db;
    this.#catalogue = catalogue;
  }

  /**
   * @param tolerate told of each row that is not as it was on the primary, and is changed all the same; without it such a row
   *   is a divergence
   * @throws QuorateError DIVERGED, SCHEMA_MISMATCH, PROTOCOL_ERROR, or what SQLite refuses
   */
  apply(payload: ByteReader, tolerate?: Tolerate): void {
    const change = this.#change;
    change.open(payload);
    this.#parked.length = 0;
    while (change.next()) {
      const table = change.table as TableReference;
      const { start } = change;
      const cause = this.#attempt(table, change);
      if (cause !== true) {
        this.#park({ table, start, cause: cause === false ? undefined : cause }, tolerate);
      } else if (this.#parked.length > 0) {
        this.#retry(change);
      }
    }
    this.#forceAll(tolerate);
  }

  /** What fits nowhere is a divergence, or is made to fit. */
  #forceAll(tolerate: Tolerate | undefined): void {
    const change = this.#change;
    for (let first = this.#parked.shift(); first !== undefined; first = this.#parked.shift()) {
      if (tolerate === undefined) {
        throw diverged(first, change);
      }
      const writer = this.#writer(first.table);
      change.rereadAt(first.table, first.start);
      for (const row of forceChange(this.#db, this.#shape(first.table), writer, change)) {
        tolerate(row);
      }
      this.#retry(change);
    }
  }

  /** Forgets prepared statements of tables that the schema no longer has. */
  forget(): void {
    const { tables } = this.#catalogue.current;
    for (const [shape, writer] of this.#writers) {
      if (tables.get(shape.name) !== shape) {
        writer.close();
        this.#writers.delete(shape);
      }
    }
    this.#lastReference = undefined;
  }

  /** True when applied; otherwise why not, as far as SQLite says. */
  #attempt(table: TableReference, change: RowChangeReader): boolean | QuorateError {
    const writer = this.#writer(table);
    try {
      return writer.apply(change);
    } catch (error) {
      const mapped = mapSqliteError(error);
      if (mapped.code !== 'CONSTRAINT_VIOLATION') {
        throw mapped;
      }
      return mapped;
    }
  }

  #park(parked: ParkedChange, tolerate: Tolerate | undefined): void {
    if (this.#parked.length >= maxParkedChanges) {
      this.#forceAll(tolerate);
    }
    this.#parked.push(parked);
  }

  #retry(change: RowChangeReader): void {
    for (let i = 0; i < this.#parked.length; ) {
      const parked = this.#parked[i] as ParkedChange;
      change.rereadAt(parked.table, parked.start);
      if (this.#attempt(parked.table, change) === true) {
        this.#parked.splice(i, 1);
        i = 0;
      } else {
        i++;
      }
    }
  }

  #writer(reference: TableReference): TableWriter {
    if (reference === this.#lastReference && this.#lastWriter !== undefined) {
      return this.#lastWriter;
    }
    const shape = this.#shape(reference);
    let writer = this.#writers.get(shape);
    if (writer === undefined) {
      writer = new TableWriter(this.#db, shape);
      this.#writers.set(shape, writer);
    }
    this.#lastReference = reference;
    this.#lastWriter = writer;
    return writer;
  }

  #shape(reference: TableReference): TableShape {
    const shape = this.#catalogue.current.tables.get(reference.name);
    const fits =
      shape !== undefined &&
      shape.keyedByPrimaryKey === reference.keyedByPrimaryKey &&
      shape.keyColumns.length === reference.keyCount &&
      shape.valueColumns.length === reference.valueCount;
    if (!fits) {
      const what = shape === undefined ? 'is missing' : 'has other columns than on the primary';
      throw new QuorateError('SCHEMA_MISMATCH', `the table ${reference.name} ${what}`, {
        hint: 'Copy the database again from its upstream: quorate database rejoin DATABASE',
        details: { table: reference.name },
      });
    }
    return shape;
  }
}

function show(value: StoredValue): string {
  if (value instanceof RawText || value instanceof Uint8Array) {
    const bytes = value instanceof RawText ? value.bytes : value;
    return `x'${Buffer.from(bytes.subarray(0, 32)).toString('hex')}'`;
  }
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 64)) : String(value);
}

function diverged({ table, start, cause }: ParkedChange, change: RowChangeReader): QuorateError {
  change.rereadAt(table, start);
  const key = change.key.map(show).join(', ');
  const why = cause === undefined ? 'is not as it was on the primary' : `cannot be written: ${cause.message}`;
  return new QuorateError('DIVERGED', `the row ${key} of the table ${table.name} ${why}`, {
    hint: 'This copy was changed by something else than replication. Repair it: quorate verify DATABASE --with UPSTREAM --repair. Copy the database again where that does not help: quorate database rejoin DATABASE',
    details: { table: table.name, key },
    ...(cause === undefined ? {} : { cause }),
  });
}
