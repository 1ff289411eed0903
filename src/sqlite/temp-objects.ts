import type { DatabaseSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import type { ClientTransaction } from './client-transaction.ts';
import { quoteIdentifier } from './tokenizer.ts';

/** TEMP objects live as long as the client transaction; one that nothing else could use is a misunderstanding. */
export function refuseLoneTempStatement(client: ClientTransaction): void {
  if (client.usesTemp && client.statements === 1) {
    throw new QuorateError('UNSUPPORTED_STATEMENT', 'a TEMP object would be gone at the end of this transaction', {
      hint: 'Create and use it in one interactive transaction or batch, or make it an ordinary table.',
    });
  }
}

/** Drops the TEMP tables and views that a client transaction has left; the capture triggers stay. */
export function dropTempObjects(db: DatabaseSync): void {
  const objects = db.prepare(
    "SELECT type, name FROM temp.sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'",
  );
  for (const { type, name } of objects.all()) {
    db.exec(`DROP ${String(type)} IF EXISTS temp.${quoteIdentifier(String(name))}`);
  }
}
