import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import type { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { keyTable } from './internal-names.ts';

/** How long a key is remembered, in milliseconds, by the clock of the primary that took it. */
export const idempotencyWindowMs = 24 * 60 * 60 * 1000;

/** Characters of a key. */
export const maxKeyLength = 200;

/** Keys taken between two removals of those that are too old. */
const pruneInterval = 1000;

const payloadLimitBytes = 16 * 1024;

/** A transaction that a client has given a name, so that it takes effect once however often it is sent. */
export interface KeyedTransaction {
  readonly key: string;
  readonly txId: number;
  readonly term: number;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
}

/** The keys of the last day, in a table that travels through the log: a replica that becomes primary knows them, too. */
export class IdempotencyKeys {
  readonly #find: StatementSync;
  readonly #insert: StatementSync;
  readonly #prune: StatementSync;
  readonly #remove: StatementSync;
  #untilPrune = pruneInterval;

  constructor(db: DatabaseSync) {
    this.#find = db.prepare(`SELECT tx_id, term, at_ms FROM main.${keyTable} WHERE key = ?`);
    this.#insert = db.prepare(`INSERT OR REPLACE INTO main.${keyTable} (key, tx_id, term, at_ms) VALUES (?, ?, ?, ?)`);
    this.#remove = db.prepare(`DELETE FROM main.${keyTable} WHERE key = ?`);
    this.#prune = db.prepare(`DELETE FROM main.${keyTable} WHERE at_ms < ?`);
  }

  /** The transaction that took the key within the window before `nowMs`. */
  find(key: string, nowMs: number): KeyedTransaction | undefined {
    const row = this.#find.get(key);
    const timeMs = Number(row?.at_ms);
    return row === undefined || timeMs < nowMs - idempotencyWindowMs
      ? undefined
      : { key, txId: Number(row.tx_id), term: Number(row.term), timeMs };
  }

  /** Remembers a key inside the transaction that it names. */
  add({ key, txId, term, timeMs }: KeyedTransaction): void {
    this.#insert.run(key, txId, term, timeMs);
    this.#untilPrune -= 1;
    if (this.#untilPrune === 0) {
      this.#untilPrune = pruneInterval;
      this.#prune.run(timeMs - idempotencyWindowMs);
    }
  }

  /** Forgets a key: the transaction that it names is taken back. */
  remove(key: string): void {
    this.#remove.run(key);
  }
}

/** @throws QuorateError INVALID_ARGUMENT */
export function checkKey(key: string): void {
  if (key.length === 0 || key.length > maxKeyLength) {
    throw new QuorateError('INVALID_ARGUMENT', `an idempotency key has 1 to ${maxKeyLength} characters`, {
      hint: 'Use a UUID.',
    });
  }
}

export function encodeKey({ key, txId, term, timeMs }: KeyedTransaction): Uint8Array {
  const writer = new ByteWriter(payloadLimitBytes);
  writer.name(key);
  writer.varint(txId);
  writer.varint(term);
  writer.varint(timeMs);
  return writer.bytes.subarray(0, writer.length);
}

export function decodeKey(reader: ByteReader): KeyedTransaction {
  return { key: reader.name(), txId: reader.varint(), term: reader.varint(), timeMs: reader.varint() };
}
