import type { DatabaseSync, Session } from 'node:sqlite';
import { assertInvariant } from '../errors/interface.ts';
import type { StoredValue } from './byte-reader.ts';
import type { CaptureBuffer } from './capture-buffer.ts';
import { type ChangesetChange, ChangesetReader } from './changeset-reader.ts';
import { rowItems } from './operation-format.ts';
import type { TableCatalogue } from './table-catalogue.ts';
import type { TableShape } from './table-shape.ts';

/**
 * Captures what virtual tables write to their shadow tables. Triggers on those crash the process, so a session of
 * SQLite's session extension watches while a transaction may write to a virtual table. What it sees of ordinary tables
 * is left out: their triggers have it.
 */
export class ShadowCapture {
  readonly #db: DatabaseSync;
  readonly #catalogue: TableCatalogue;
  readonly #buffer: CaptureBuffer;
  #session: Session | undefined;

  constructor(db: DatabaseSync, catalogue: TableCatalogue, buffer: CaptureBuffer) {
    this.#db = db;
    this.#catalogue = catalogue;
    this.#buffer = buffer;
  }

  /** Starts to watch, unless it does already. */
  open(): void {
    this.#session ??= this.#db.createSession({ db: 'main' });
  }

  /** Encodes what was written since `open`, and stops watching. */
  flush(): void {
    if (this.#session === undefined) {
      return;
    }
    // A savepoint makes full-text tables write what they have pending in memory.
    this.#db.exec('SAVEPOINT _quorate_flush; RELEASE _quorate_flush');
    const changeset = this.#session.changeset();
    this.discard();
    for (const change of new ChangesetReader(changeset).changes()) {
      const table = this.#catalogue.current.tables.get(change.table);
      if (table?.kind === 'shadow') {
        this.#encode(table, change);
      }
    }
  }

  /** Stops watching and forgets. */
  discard(): void {
    this.#session?.close();
    this.#session = undefined;
  }

  #encode(table: TableShape, change: ChangesetChange): void {
    this.#buffer.selectTable(table);
    const { writer } = this.#buffer;
    writer.byte(rowItems[change.operation]);
    const keyAt = [...change.keyPlaces.keys()].filter((i) => change.keyPlaces[i] !== 0);
    keyAt.sort((a, b) => (change.keyPlaces[a] as number) - (change.keyPlaces[b] as number));
    const valueAt = [...change.keyPlaces.keys()].filter((i) => change.keyPlaces[i] === 0);
    assertInvariant(
      keyAt.length === table.keyColumns.length && valueAt.length === table.valueColumns.length,
      `the shadow table ${table.name} has the columns that it is known by`,
    );
    const image = change.operation === 'insert' ? change.after : change.before;
    this.#writeAll(keyAt.map((i) => image[i]));
    if (change.operation === 'update') {
      this.#writeChanged(change, valueAt);
    } else {
      this.#writeAll(valueAt.map((i) => image[i]));
    }
  }

  #writeChanged(change: ChangesetChange, valueAt: readonly number[]): void {
    const bitmap = new Uint8Array(Math.ceil(valueAt.length / 8));
    const changed = valueAt.filter((i) => change.after[i] !== undefined);
    for (const i of changed) {
      const bit = valueAt.indexOf(i);
      bitmap[bit >> 3] = (bitmap[bit >> 3] as number) | (1 << (bit & 7));
    }
    this.#buffer.writer.raw(bitmap);
    this.#writeAll(changed.flatMap((i) => [change.before[i], change.after[i]]));
  }

  #writeAll(values: readonly (StoredValue | undefined)[]): void {
    const { writer } = this.#buffer;
    for (const value of values) {
      writer.stored(value ?? null);
    }
  }
}
