import { backup, DatabaseSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { nodeFileSystem } from '../runtime/interface.ts';
import { StateTable } from './internal-schema.ts';
import { mapSqliteError } from './sqlite-errors.ts';
import type { AppliedPosition } from './types.ts';

/** Pages copied at once; writers are not held up, whatever it is. */
const pagesPerStep = 2048;

/**
 * Copies a database as it is at one moment, internal tables and suspended triggers included, while others read and write.
 * The copy runs inside an open read transaction, so that writers neither wait for it nor make it start again.
 *
 * @returns the position of that moment
 * @throws QuorateError IO_ERROR, DISK_FULL, DATABASE_CORRUPT; nothing is left of the target then
 */
export async function copySnapshot(sourcePath: string, targetPath: string): Promise<AppliedPosition> {
  try {
    const source = new DatabaseSync(sourcePath, { readOnly: true });
    try {
      source.exec('BEGIN');
      const position = new StateTable(source).read();
      await backup(source, targetPath, { rate: pagesPerStep });
      return position;
    } finally {
      source.close();
    }
  } catch (error) {
    nodeFileSystem.removeSync(targetPath);
    throw mapSqliteError(error);
  }
}

/** Checks the structure of a copy and tells its position. @throws QuorateError DATABASE_CORRUPT, IO_ERROR */
export function checkSnapshot(filePath: string): AppliedPosition {
  try {
    const db = new DatabaseSync(filePath, { readOnly: true });
    try {
      const answer = db.prepare('PRAGMA quick_check(1)').get()?.quick_check;
      if (answer !== 'ok') {
        throw new QuorateError('DATABASE_CORRUPT', `the snapshot is damaged: ${String(answer)}`, {
          hint: 'The upstream has a damaged file; check its disk.',
        });
      }
      return new StateTable(db).read();
    } finally {
      db.close();
    }
  } catch (error) {
    throw mapSqliteError(error);
  }
}
