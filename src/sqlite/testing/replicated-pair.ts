import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type LogicalDigest, logicalDigest } from '../logical-digest.ts';
import { PrimaryConnection } from '../primary-connection.ts';
import type { PrimaryOptions } from '../primary-options.ts';
import { ReadConnection, type RowObject } from '../read-connection.ts';
import { ReplicaConnection } from '../replica-connection.ts';
import type { CapturedTransaction, SqlParameters, Statement, StatementResult } from '../types.ts';

/** A statement as its text alone, with positional parameters, or whole. */
export type Sql = string | readonly [string, SqlParameters] | Statement;

function statementOf(sql: Sql): Statement {
  if (typeof sql === 'string') {
    return { sql };
  }
  return Array.isArray(sql) ? { sql: sql[0], parameters: sql[1] } : (sql as Statement);
}

/** A primary and a replica in a temporary folder; everything captured on the one is applied to the other. */
export class ReplicatedPair implements Disposable {
  readonly directory: string;
  primary: PrimaryConnection;
  replica: ReplicaConnection;
  /** All that was captured, for replicas that start from nothing. */
  readonly captured: CapturedTransaction[] = [];
  #primaryFile: string;
  #replicaFile: string;

  constructor(options: PrimaryOptions = {}) {
    this.directory = fs.mkdtempSync(path.join(os.tmpdir(), 'quorate-sqlite-'));
    this.#primaryFile = path.join(this.directory, 'one.sqlite');
    this.#replicaFile = path.join(this.directory, 'two.sqlite');
    this.primary = PrimaryConnection.open(this.#primaryFile, options);
    this.replica = ReplicaConnection.open(this.#replicaFile);
  }

  get primaryFile(): string {
    return this.#primaryFile;
  }

  get replicaFile(): string {
    return this.#replicaFile;
  }

  /** Runs one client transaction on the primary and applies it; the result of its last statement. */
  run(...statements: Sql[]): StatementResult {
    const { result, captured } = this.capture(...statements);
    this.apply(captured);
    return result;
  }

  /** Runs one client transaction on the primary only; an error undoes it and is thrown. */
  capture(...statements: Sql[]): { result: StatementResult; captured: CapturedTransaction } {
    this.primary.begin();
    try {
      this.primary.beginClient();
      const results = statements.map((sql) => this.primary.run(statementOf(sql)));
      const captured = this.primary.endClient();
      this.primary.commit();
      this.captured.push(captured);
      return { result: results.at(-1) as StatementResult, captured };
    } catch (error) {
      this.primary.abortClient();
      this.primary.rollback();
      throw error;
    }
  }

  /** Applies one captured transaction to the replica. */
  apply({ operations, schemaHash }: CapturedTransaction): void {
    this.replica.begin();
    try {
      this.replica.apply(operations, schemaHash);
      this.replica.commit();
    } catch (error) {
      this.replica.rollback();
      throw error;
    }
  }

  digests(): { primary: LogicalDigest; replica: LogicalDigest } {
    return { primary: logicalDigest(this.#primaryFile), replica: logicalDigest(this.#replicaFile) };
  }

  /** The replica holds what the primary holds, to the byte. */
  assertEqual(message = 'the replica equals the primary'): void {
    const { primary, replica } = this.digests();
    assert.equal(Buffer.from(replica.digest).toString('hex'), Buffer.from(primary.digest).toString('hex'), message);
  }

  queryPrimary(sql: string): RowObject[] {
    return query(this.#primaryFile, sql);
  }

  queryReplica(sql: string): RowObject[] {
    return query(this.#replicaFile, sql);
  }

  /** Reads what statements of clients may not: tables of Quorate. */
  inspectReplica(sql: string): RowObject[] {
    using db = new DatabaseSync(this.#replicaFile, { readOnly: true });
    return db
      .prepare(sql)
      .all()
      .map((row) => ({ ...row })) as RowObject[];
  }

  /** The replica becomes the primary, and the primary its replica. */
  swapRoles(): void {
    this.primary.close();
    this.replica.close();
    [this.#primaryFile, this.#replicaFile] = [this.#replicaFile, this.#primaryFile];
    this.primary = PrimaryConnection.open(this.#primaryFile);
    this.replica = ReplicaConnection.open(this.#replicaFile);
  }

  [Symbol.dispose](): void {
    this.primary.close();
    this.replica.close();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Rows as plain objects, so that they compare with literals. */
function query(file: string, sql: string): RowObject[] {
  using connection = ReadConnection.open(file);
  return connection.all(sql).map((row) => ({ ...row }));
}
