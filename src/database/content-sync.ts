import path from 'node:path';
import type { FileSystem } from '../runtime/interface.ts';

/**
 * Makes durable what SQLite has committed to a file. With `synchronous=NORMAL` a loss of power may take the latest commits
 * back, so this comes before anything goes from the log that they have undone.
 * @throws QuorateError IO_ERROR, DISK_FULL
 */
export function syncContent(files: FileSystem, sqliteFile: string): void {
  const wal = `${sqliteFile}-wal`;
  if (!files.existsSync(wal)) {
    return;
  }
  const file = files.openSync(wal, 'readwrite');
  try {
    file.syncSync();
  } finally {
    file.closeSync();
  }
  files.syncDirectorySync(path.dirname(wal));
}
