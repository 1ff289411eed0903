import { contentPath, type SharedPositions, sqlitePath } from '../database/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import type { Clock } from '../runtime/interface.ts';
import { ReadConnection, type SqlParameters } from '../sqlite/interface.ts';
import type { ReadOptions, Row, Snapshot } from './types.ts';

export interface LocalReaderOptions {
  readonly name: string;
  /** Of the database. */
  readonly directory: string;
  readonly positions: SharedPositions;
  readonly clock: Clock;
}

/** Reads on the caller's thread, from a read-only connection of its own. */
export class LocalReader implements Snapshot {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #positions: SharedPositions;
  readonly #directory: string;
  #content: number;
  #opened: ReadConnection;
  #closed = false;
  #inSnapshot = false;

  /** @throws QuorateError IO_ERROR, DATABASE_CORRUPT */
  constructor({ name, directory, positions, clock }: LocalReaderOptions) {
    this.#name = name;
    this.#clock = clock;
    this.#directory = directory;
    this.#positions = positions;
    this.#content = positions.get('content');
    this.#opened = this.#open();
  }

  #open(): ReadConnection {
    return ReadConnection.open(sqlitePath(contentPath(this.#directory, this.#content)));
  }

  /** Changes over to the file that a snapshot has put in the place of the old one, but never inside a snapshot. */
  get #connection(): ReadConnection {
    const content = this.#positions.get('content');
    if (content !== this.#content && !this.#inSnapshot) {
      this.#opened.close();
      this.#content = content;
      this.#opened = this.#open();
    }
    return this.#opened;
  }

  query<R extends object = Row>(sql: string, parameters?: SqlParameters, options?: ReadOptions): R[] {
    this.requireOpen();
    if (options?.timeoutMs !== undefined) {
      return this.#queryWithin<R>(options.timeoutMs, { sql, parameters, bigint: options.bigint === true });
    }
    return this.#connection.all(sql, parameters, options?.bigint === true) as R[];
  }

  queryOne<R extends object = Row>(sql: string, parameters?: SqlParameters, options?: ReadOptions): R | undefined {
    this.requireOpen();
    if (options?.timeoutMs !== undefined) {
      return this.#queryWithin<R>(options.timeoutMs, { sql, parameters, bigint: options.bigint === true }, 1)[0];
    }
    return this.#connection.get(sql, parameters, options?.bigint === true) as R | undefined;
  }

  /** Runs `read` in one read transaction; a snapshot inside a snapshot is the same one. */
  snapshot<T>(read: (snapshot: Snapshot) => T): T {
    this.requireOpen();
    if (this.#inSnapshot) {
      return synchronous(read(this));
    }
    const connection = this.#connection;
    this.#inSnapshot = true;
    try {
      return connection.snapshot(() => synchronous(read(this)));
    } finally {
      this.#inSnapshot = false;
    }
  }

  /** Idempotent. */
  close(): void {
    if (!this.#closed) {
      this.#closed = true;
      this.#opened.close();
    }
  }

  /** @throws QuorateError DATABASE_UNLOADED */
  requireOpen(): void {
    if (this.#closed) {
      throw handleClosed(this.#name);
    }
  }

  /** SQLite cannot be interrupted on this thread, so the clock is looked at whenever a row comes out. */
  #queryWithin<R extends object>(
    timeoutMs: number,
    query: { readonly sql: string; readonly parameters: SqlParameters | undefined; readonly bigint: boolean },
    maxRows = Number.POSITIVE_INFINITY,
  ): R[] {
    const deadline = this.#clock.monotonicMs() + timeoutMs;
    const rows: R[] = [];
    for (const row of this.#connection.iterateObjects(query.sql, query.parameters, query.bigint)) {
      rows.push(row as R);
      if (rows.length >= maxRows) {
        break;
      }
      if (this.#clock.monotonicMs() > deadline) {
        throw new QuorateError('QUERY_TIMEOUT', `the query ran longer than ${timeoutMs} ms and was stopped`, {
          hint: 'Make it cheaper (an index, a LIMIT), or raise timeoutMs.',
          details: { timeoutMs },
        });
      }
    }
    return rows;
  }
}

/** The error of a handle that was closed, or whose database was. */
export function handleClosed(name: string): QuorateError {
  return new QuorateError('DATABASE_UNLOADED', `database ${name}, or this handle of it, was closed`, {
    hint: 'Get a new handle from the node.',
  });
}

/** A promise would go on after the snapshot has ended. */
function synchronous<T>(value: T): T {
  if (value instanceof Promise) {
    value.catch(() => {});
    throw new QuorateError('INVALID_ARGUMENT', 'the function given to snapshot() must be synchronous', {
      hint: 'Read in it, return the rows, and do what takes time afterwards.',
    });
  }
  return value;
}
