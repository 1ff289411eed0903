import type { CaptureMark } from './capture-buffer.ts';
import type { SchemaSnapshot } from './table-catalogue.ts';

/** A moment that a client can roll back to. */
export interface ClientSavepoint {
  readonly name: string;
  readonly mark: CaptureMark;
  readonly schema: SchemaSnapshot;
}

/** What is known of the client transaction that is open. */
export class ClientTransaction {
  /** The schema when it began. */
  readonly schema: SchemaSnapshot;
  /** Statements that ran without an error. */
  statements = 0;
  /** AUTOINCREMENT tables that may have got new rows. */
  readonly sequences = new Set<string>();
  /** All of sqlite_sequence must be logged: a statement wrote to it, or the schema changed. */
  allSequences = false;
  changesSchema = false;
  /** TEMP objects were created, which end with the transaction. */
  usesTemp = false;
  setsPragmas = false;
  defersForeignKeys = false;
  readonly #savepoints: ClientSavepoint[] = [];

  constructor(schema: SchemaSnapshot) {
    this.schema = schema;
  }

  push(savepoint: ClientSavepoint): void {
    this.#savepoints.push(savepoint);
  }

  /** Forgets a savepoint and those inside it. */
  release(name: string): void {
    this.#savepoints.length = Math.max(0, this.#indexOf(name));
  }

  /** The innermost savepoint of a name, which stays; those inside it are forgotten. */
  rewindTo(name: string): ClientSavepoint | undefined {
    const index = this.#indexOf(name);
    this.#savepoints.length = Math.max(0, index + 1);
    return this.#savepoints[index];
  }

  #indexOf(name: string): number {
    return this.#savepoints.findLastIndex((savepoint) => savepoint.name === name);
  }
}
