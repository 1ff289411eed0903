import type { ReaderPool, SnapshotLimits } from '../../database/interface.ts';
import type { OpenTransaction } from './database-access.ts';

/** A transaction that only reads: every request sees the same moment, and nobody waits for it. */
export async function beginReadTransaction(
  readers: ReaderPool,
  filePath: string,
  limits: SnapshotLimits,
): Promise<OpenTransaction> {
  const snapshot = await readers.pin(filePath, limits);
  const end = () => {
    snapshot.release();
    return Promise.resolve(undefined);
  };
  return {
    run: (statement) => snapshot.query(statement),
    describe: (sql) => snapshot.describe(sql),
    commit: end,
    rollback: end,
  };
}
