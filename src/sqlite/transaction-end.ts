import type { DatabaseSync } from 'node:sqlite';
import { ByteWriter } from './byte-writer.ts';
import type { CaptureBuffer } from './capture-buffer.ts';
import type { ClientTransaction } from './client-transaction.ts';
import { operationKinds, pragmaCodes, sequenceFlags } from './operation-format.ts';
import type { SqlValue } from './types.ts';

/** Small payloads: names and numbers of at most all AUTOINCREMENT tables. */
const payloadLimitBytes = 16 * 1024 * 1024;

/** Appends what is logged at the end of a transaction: values of sqlite_sequence, user_version, application_id. */
export function appendFinalState(db: DatabaseSync, client: ClientTransaction, buffer: CaptureBuffer): void {
  if (client.allSequences || (client.changesSchema && client.sequences.size > 0)) {
    buffer.append(operationKinds.sequences, completeSequences(db));
  } else if (client.sequences.size > 0) {
    buffer.append(operationKinds.sequences, touchedSequences(db, client.sequences));
  }
  if (client.setsPragmas) {
    buffer.append(operationKinds.pragma, pragmaPayload(db, pragmaCodes.userVersion, 'user_version'));
    buffer.append(operationKinds.pragma, pragmaPayload(db, pragmaCodes.applicationId, 'application_id'));
  }
}

function payload(write: (writer: ByteWriter) => void): Uint8Array {
  const writer = new ByteWriter(payloadLimitBytes);
  write(writer);
  return writer.bytes.subarray(0, writer.length);
}

function hasSequenceTable(db: DatabaseSync): boolean {
  return db.prepare("SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'").get() !== undefined;
}

function completeSequences(db: DatabaseSync): Uint8Array {
  const select = 'SELECT name, seq FROM main.sqlite_sequence ORDER BY name, rowid';
  const rows = hasSequenceTable(db) ? db.prepare(select, { readBigInts: true }).all() : [];
  return payload((writer) => {
    writer.byte(sequenceFlags.complete);
    writer.varint(rows.length);
    for (const row of rows) {
      writer.name(String(row.name));
      writer.byte(1);
      writer.value(row.seq as SqlValue);
    }
  });
}

function touchedSequences(db: DatabaseSync, names: ReadonlySet<string>): Uint8Array {
  const select = db.prepare('SELECT seq FROM main.sqlite_sequence WHERE name = ?', { readBigInts: true });
  return payload((writer) => {
    writer.byte(0);
    writer.varint(names.size);
    for (const name of names) {
      const row = select.get(name);
      writer.name(name);
      writer.byte(row === undefined ? 0 : 1);
      if (row !== undefined) {
        writer.value(row.seq as SqlValue);
      }
    }
  });
}

function pragmaPayload(db: DatabaseSync, code: number, name: string): Uint8Array {
  const value = db.prepare(`PRAGMA main.${name}`, { readBigInts: true }).get()?.[name];
  return payload((writer) => {
    writer.byte(code);
    writer.value(value as SqlValue);
  });
}
