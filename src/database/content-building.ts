import path from 'node:path';
import { TransactionLog } from '../log/interface.ts';
import type { FileSystem } from '../runtime/interface.ts';
import { contentPath, logPath, sqlitePath } from './content-directory.ts';
import type { SnapshotHeader } from './types.ts';

export interface NewContent {
  readonly databaseDirectory: string;
  readonly content: number;
  readonly header: SnapshotHeader;
  /** A durable SQLite file; it moves into the content. */
  readonly filePath: string;
  readonly segmentSizeBytes: number;
}

/**
 * Makes a complete content folder of a snapshot, durably: its SQLite file, and an empty log that goes on where it ends.
 * Nobody uses it before `settings.json` names it.
 */
export function buildContent(files: FileSystem, options: NewContent): void {
  const { databaseDirectory, content, header, filePath, segmentSizeBytes } = options;
  const directory = contentPath(databaseDirectory, content);
  files.removeSync(directory);
  files.makeDirectorySync(directory);
  const log = TransactionLog.create(files, logPath(directory), header.databaseId, {
    // A log in which nothing is yet begins with the identity of its database.
    after: header.position.txId === 0 ? undefined : header.position,
    segmentSizeBytes,
  });
  log.close();
  files.renameSync(filePath, sqlitePath(directory));
  files.syncDirectorySync(path.dirname(filePath));
  files.syncDirectorySync(directory);
  files.syncDirectorySync(databaseDirectory);
}
