import type { DatabaseSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { CaptureBuffer } from './capture-buffer.ts';
import {
  captureAllRowsSql,
  captureFunction,
  capturePartFunction,
  capturePartsFunction,
  captureRawFunction,
  installCaptureTriggers,
  removeCaptureTriggers,
} from './capture-triggers.ts';
import { changeFlags, rowItems } from './operation-format.ts';
import { RowEncoder } from './row-encoder.ts';
import type { SchemaSnapshot, TableCatalogue } from './table-catalogue.ts';
import type { TableShape } from './table-shape.ts';
import type { SqlValue } from './types.ts';

/** Captures what statements change in ordinary tables, through TEMP triggers on the writer's connection. */
export class ChangeCapture {
  readonly buffer: CaptureBuffer;
  /** Set around a statement that may replace rows. */
  statementReplaces = false;
  readonly #db: DatabaseSync;
  readonly #catalogue: TableCatalogue;
  readonly #encoder: RowEncoder;
  /** Values of the change that is being captured, for tables whose values do not fit one call. */
  readonly #parts: (readonly SqlValue[])[] = [];

  constructor(db: DatabaseSync, catalogue: TableCatalogue, limitBytes: number) {
    this.#db = db;
    this.#catalogue = catalogue;
    this.buffer = new CaptureBuffer(limitBytes);
    this.#encoder = new RowEncoder(this.buffer);
    const options = { useBigIntArguments: true, varargs: true };
    db.function(captureFunction, options, (...values) => this.#capture(values as SqlValue[], false));
    db.function(captureRawFunction, options, (...values) => this.#capture(values as SqlValue[], true));
    db.function(capturePartFunction, options, (...values) => this.#keepPart(values as SqlValue[]));
    db.function(capturePartsFunction, options, (...values) => this.#captureParts(values as SqlValue[]));
    for (const table of catalogue.current.tables.values()) {
      this.#install(table);
    }
  }

  /** Takes the triggers of a table away before its schema changes. */
  release(table: TableShape): void {
    if (table.kind === 'ordinary') {
      removeCaptureTriggers(this.#db, table);
    }
  }

  /** Installs what the new schema needs and removes what it no longer needs; `released` are installed again. */
  adopt(before: SchemaSnapshot, released: readonly TableShape[]): void {
    const { tables } = this.#catalogue.current;
    for (const [name, table] of before.tables) {
      if (tables.get(name) !== table && !released.includes(table)) {
        this.release(table);
      }
    }
    for (const [name, table] of tables) {
      if (before.tables.get(name) !== table || released.includes(table)) {
        this.#install(table);
      }
    }
  }

  /** Captures all rows of a table as if they had just been inserted. */
  captureAllRows(table: TableShape): void {
    this.#db.exec(captureAllRowsSql(table));
  }

  #install(table: TableShape): void {
    if (table.kind === 'ordinary') {
      installCaptureTriggers(this.#db, table);
    }
  }

  #keepPart([index, ...values]: readonly SqlValue[]): number {
    this.#parts[index as number] = values;
    return 0;
  }

  /** Called for every changed row of a wide table, after its parts. */
  #captureParts([table = null, item = null, ...parts]: readonly SqlValue[]): 0 | 1 {
    const values = this.#parts.slice(0, parts.length).flat();
    this.#parts.length = 0;
    return this.#capture([table, item, ...values], true);
  }

  /** Called for every changed row. Returns 1 to be called again with the raw form. */
  #capture(values: readonly SqlValue[], raw: boolean): 0 | 1 {
    const table = this.#catalogue.shape(values[0] as number);
    const item = values[1] as number;
    if (item === rowItems.update && (this.statementReplaces || table.replaces)) {
      this.#refuseReplacingRekey(table, values);
    }
    return this.#encoder.encode(table, item, values, raw, this.#flags(table, item)) ? 0 : 1;
  }

  /**
   * Such a change is captured after the foreign-key actions that it caused, and these could hit the row that it
   * replaces on a replica, where that row is still there.
   */
  #refuseReplacingRekey(table: TableShape, values: readonly SqlValue[]): void {
    const rekeyed = table.keyedByPrimaryKey || values[2] !== values[3];
    if (rekeyed && this.#catalogue.current.cascadingParents.has(table.name.toLowerCase())) {
      throw new QuorateError('UNSUPPORTED_STATEMENT', `a new key in ${table.name} cannot replace a row and cascade`, {
        hint: 'Delete the row that is in the way first, and update without OR REPLACE.',
        details: { table: table.name },
      });
    }
  }

  #flags(table: TableShape, item: number): number {
    const { triggersReplace, writtenBefore } = this.#catalogue.current;
    const replaces = item !== rowItems.delete && (this.statementReplaces || triggersReplace || table.replaces);
    const unverified = item !== rowItems.insert && writtenBefore.size > 0 && writtenBefore.has(table.name);
    return (replaces ? changeFlags.replace : 0) | (unverified ? changeFlags.unverified : 0);
  }
}
