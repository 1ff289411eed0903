import { createHash, type Hash } from 'node:crypto';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import type { StoredValue } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { StateTable } from './internal-schema.ts';
import { decodeValues, encodeValues, type ReadableValue, readableValues } from './row-image.ts';
import { canonicalSchema, isLogical } from './schema-hash.ts';
import { isCannotOpen } from './sqlite-errors.ts';
import { digestState } from './state-digest.ts';
import { type KeyInterval, readRows, type StoredRow } from './stored-rows.ts';
import { TableCatalogue } from './table-catalogue.ts';
import type { TableShape } from './table-shape.ts';
import { translated } from './writing-connection.ts';

/** What a database consists of, to be compared first. */
export interface SnapshotOverview {
  /** The last transaction whose changes are seen. */
  readonly txId: number;
  /** SHA-256 over what is declared besides tables: indexes, views, triggers. */
  readonly schemaDigest: Uint8Array;
  /** SHA-256 over sqlite_sequence, user_version and application_id. */
  readonly stateDigest: Uint8Array;
  /** In the order of their names; virtual tables are left out, their shadow tables are there. */
  readonly tables: readonly SnapshotTable[];
}

export interface SnapshotTable {
  readonly name: string;
  /** SHA-256 over the declaration of the table. */
  readonly definitionDigest: Uint8Array;
}

/** Keys of a table, encoded as in the operations format; empty bytes stand for the start and for the end. */
export interface KeyRange {
  /** The range begins behind this key. */
  readonly after: Uint8Array;
  /** The range ends with this key. */
  readonly through: Uint8Array;
}

/** A range with a digest of exactly its rows. */
export interface RangeDigest extends KeyRange {
  readonly rows: number;
  readonly sizeBytes: number;
  /** SHA-256, 32 bytes. */
  readonly digest: Uint8Array;
}

export interface RangeLimits {
  /** Rows after which a range ends. */
  readonly rangeRows: number;
  /** Bytes after which a range ends. */
  readonly rangeBytes: number;
  /** Bytes after which no further range is begun. */
  readonly answerBytes: number;
}

export interface SnapshotRow {
  readonly key: Uint8Array;
  /** The key for people, by column. */
  readonly readableKey: Readonly<Record<string, ReadableValue>>;
  /** SHA-256 of the row, 32 bytes. */
  readonly digest: Uint8Array;
  /** The whole row: its key, then its other values. Empty unless asked for. */
  readonly row: Uint8Array;
}

export interface RowPage {
  readonly rows: readonly SnapshotRow[];
  /** Nothing of the range is left. */
  readonly done: boolean;
}

export interface RowLimits {
  readonly maxRows: number;
  readonly maxBytes: number;
  /** Whether the rows themselves are wanted. */
  readonly content: boolean;
}

const nothing = new Uint8Array(0);
const noLimit = Number.POSITIVE_INFINITY;

/** Rows are collected up to this size before they are hashed: each call of the hash costs as much as a small row. */
const hashedAtOnceBytes = 64 * 1024;

/** A connection with all that can be done before a snapshot is pinned: somebody stands still until it is. */
export class SnapshotConnection implements Disposable {
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #state: StateTable;

  private constructor(db: DatabaseSync) {
    this.#db = db;
    this.#begin = db.prepare('BEGIN');
    this.#state = new StateTable(db);
    // Reads the schema and maps the index of the WAL.
    this.#state.read();
  }

  /** @throws QuorateError UNAVAILABLE while the database changes its role or its content; IO_ERROR, DATABASE_CORRUPT */
  static open(path: string): SnapshotConnection {
    return translated(() => {
      try {
        return SnapshotConnection.#open(path);
      } catch (error) {
        throw isCannotOpen(error) ? changing(error) : error;
      }
    });
  }

  static #open(path: string): SnapshotConnection {
    const db = new DatabaseSync(path, { readOnly: true });
    try {
      return new SnapshotConnection(db);
    } catch (error) {
      db.close();
      throw error;
    }
  }

  /** The content of the file as it is now; it has the connection from here on. @throws QuorateError IO_ERROR */
  pin(): PinnedSnapshot {
    return translated(() => {
      this.#begin.run();
      return new PinnedSnapshot(this.#db, this.#state.read().txId);
    });
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}

function changing(cause: unknown): QuorateError {
  return new QuorateError('UNAVAILABLE', 'the database is being opened, closed or replaced just now', {
    cause,
    hint: 'Try again in a moment.',
  });
}

/** An open read transaction on a file: its content at one position, however long others go on writing. */
export class PinnedSnapshot implements Disposable {
  readonly #db: DatabaseSync;
  #readCatalogue: TableCatalogue | undefined;
  readonly txId: number;

  /** @param db has an open read transaction */
  constructor(db: DatabaseSync, txId: number) {
    this.#db = db;
    this.txId = txId;
  }

  /** @throws QuorateError IO_ERROR, DATABASE_CORRUPT */
  static open(path: string): PinnedSnapshot {
    return SnapshotConnection.open(path).pin();
  }

  get #catalogue(): TableCatalogue {
    this.#readCatalogue ??= new TableCatalogue(this.#db);
    return this.#readCatalogue;
  }

  overview(): SnapshotOverview {
    return translated(() => {
      const schema = this.#catalogue.schemaRows();
      const rest = schema.filter((row) => row.type !== 'table');
      return {
        txId: this.txId,
        schemaDigest: sha256(Buffer.from(canonicalSchema(rest))),
        stateDigest: digestState(this.#db, schema),
        tables: this.#tables().map(({ name }) => ({
          name,
          definitionDigest: sha256(
            Buffer.from(
              canonicalSchema(schema.filter((row) => isLogical(row) && row.type === 'table' && row.name === name)),
            ),
          ),
        })),
      };
    });
  }

  /** Cuts the table into ranges, from behind `after` on. The last range of the table has an empty `through`. */
  ranges(name: string, after: Uint8Array, limits: RangeLimits): RangeDigest[] {
    return translated(() => {
      const table = this.#table(name);
      const ranges: RangeDigest[] = [];
      let range = new RangeHash(after);
      let totalBytes = 0;
      for (const row of readRows(this.#db, table, intervalOf(table, { after, through: nothing }))) {
        if (range.rows >= limits.rangeRows || range.sizeBytes >= limits.rangeBytes) {
          const ended = range.end(range.lastKey());
          ranges.push(ended);
          totalBytes += ended.sizeBytes;
          if (totalBytes >= limits.answerBytes) {
            return ranges;
          }
          range = new RangeHash(ended.through);
        }
        range.add(row);
      }
      return [...ranges, range.end(nothing)];
    });
  }

  /** Digests of the rows that this snapshot has in ranges that another one has cut. */
  measure(name: string, wanted: readonly KeyRange[]): RangeDigest[] {
    return translated(() => {
      const table = this.#table(name);
      return wanted.map((asked) => {
        const range = new RangeHash(asked.after);
        for (const row of readRows(this.#db, table, intervalOf(table, asked))) {
          range.add(row);
        }
        return range.end(asked.through);
      });
    });
  }

  /** The rows of a range, one by one; the next page begins behind the last key. */
  rows(name: string, range: KeyRange, { maxRows, maxBytes, content }: RowLimits): RowPage {
    return translated(() => {
      const table = this.#table(name);
      const rows: SnapshotRow[] = [];
      let sizeBytes = 0;
      for (const { key, values } of readRows(this.#db, table, intervalOf(table, range))) {
        if (rows.length >= maxRows || sizeBytes >= maxBytes) {
          return { rows, done: false };
        }
        const row = encodeValues([...key, ...values]);
        sizeBytes += row.length;
        rows.push({
          key: encodeValues(key),
          readableKey: readableValues(table.keyColumns, key),
          digest: sha256(row),
          row: content ? row : nothing,
        });
      }
      return { rows, done: true };
    });
  }

  close(): void {
    this.#db.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #tables(): TableShape[] {
    const tables = [...this.#catalogue.current.tables.values()].filter((table) => table.kind !== 'virtual');
    return tables.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #table(name: string): TableShape {
    const table = this.#catalogue.current.tables.get(name);
    if (table === undefined || table.kind === 'virtual') {
      throw new QuorateError('INVALID_ARGUMENT', `there is no table ${name} at this position`);
    }
    return table;
  }
}

/** Collects the rows of one range. */
class RangeHash {
  readonly #after: Uint8Array;
  readonly #hash: Hash = createHash('sha256');
  readonly #writer = new ByteWriter(noLimit);
  #lastKey: readonly StoredValue[] = [];
  rows = 0;
  #hashedBytes = 0;

  constructor(after: Uint8Array) {
    this.#after = after;
  }

  add({ key, values }: StoredRow): void {
    for (const value of key) {
      this.#writer.stored(value);
    }
    for (const value of values) {
      this.#writer.stored(value);
    }
    this.#lastKey = key;
    this.rows += 1;
    if (this.#writer.length >= hashedAtOnceBytes) {
      this.#flush();
    }
  }

  get sizeBytes(): number {
    return this.#hashedBytes + this.#writer.length;
  }

  #flush(): void {
    this.#hash.update(this.#writer.bytes.subarray(0, this.#writer.length));
    this.#hashedBytes += this.#writer.length;
    this.#writer.truncate(0);
  }

  lastKey(): Uint8Array {
    return encodeValues(this.#lastKey);
  }

  end(through: Uint8Array): RangeDigest {
    this.#flush();
    return { after: this.#after, through, rows: this.rows, sizeBytes: this.sizeBytes, digest: this.#hash.digest() };
  }
}

function intervalOf(table: TableShape, { after, through }: KeyRange): KeyInterval {
  const count = table.keyColumns.length;
  return {
    after: after.length === 0 ? undefined : decodeValues(after, count),
    through: through.length === 0 ? undefined : decodeValues(through, count),
  };
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}
