import path from 'node:path';
import { backup, DatabaseSync } from 'node:sqlite';
import { QuorateError } from '../errors/interface.ts';
import { nodeFileSystem } from '../runtime/interface.ts';
import { keyTable, stateTable, suspendedTable } from './internal-names.ts';
import { StateTable } from './internal-schema.ts';
import { mapSqliteError } from './sqlite-errors.ts';
import { restoreTriggers } from './suspended-triggers.ts';

/**
 * Writes the content of one moment as a plain SQLite file, while others read and write: triggers in force, Quorate's
 * own tables gone, checked for damage. The file appears under its name only when it is complete.
 *
 * @returns the last transaction whose changes the file has
 * @throws QuorateError INVALID_ARGUMENT if the target exists; IO_ERROR, DISK_FULL, DATABASE_CORRUPT
 */
export async function exportDatabase(sourcePath: string, targetPath: string): Promise<number> {
  if (nodeFileSystem.existsSync(targetPath)) {
    throw new QuorateError('INVALID_ARGUMENT', `${targetPath} exists already`, { hint: 'Choose another file name.' });
  }
  const partPath = `${targetPath}.part`;
  nodeFileSystem.removeSync(partPath);
  try {
    const txId = await copyConsistently(sourcePath, partPath);
    makePlain(partPath);
    nodeFileSystem.renameSync(partPath, targetPath);
    nodeFileSystem.syncDirectorySync(path.dirname(targetPath));
    return txId;
  } catch (error) {
    nodeFileSystem.removeSync(partPath);
    throw mapSqliteError(error);
  }
}

/** Inside an open read transaction, so that writers neither wait for the copy nor make it start again. */
async function copyConsistently(sourcePath: string, targetPath: string): Promise<number> {
  const source = new DatabaseSync(sourcePath, { readOnly: true });
  try {
    source.exec('BEGIN');
    const { txId } = new StateTable(source).read();
    await backup(source, targetPath);
    return txId;
  } finally {
    source.close();
  }
}

function makePlain(filePath: string): void {
  const db = new DatabaseSync(filePath, { defensive: false, enableForeignKeyConstraints: false });
  try {
    db.exec('BEGIN IMMEDIATE');
    restoreTriggers(db);
    db.exec(
      `DROP TABLE ${stateTable}; DROP TABLE ${suspendedTable}; DROP TABLE ${keyTable}; COMMIT; PRAGMA journal_mode = DELETE`,
    );
    const answer = db.prepare('PRAGMA quick_check(1)').get()?.quick_check;
    if (answer !== 'ok') {
      throw new QuorateError('DATABASE_CORRUPT', `the database is damaged: ${String(answer)}`, {
        hint: 'Copy the database again from a healthy node.',
      });
    }
  } finally {
    db.close();
  }
}
