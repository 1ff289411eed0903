import path from 'node:path';
import type { FileSystem } from '../runtime/interface.ts';

const contentPattern = /^content-[1-9]\d*$/;

/** Where the content of a new database is; every installed snapshot takes the next number. */
export const firstContent = 1;

/**
 * The folder that holds `data.sqlite` and `log/` of a database. `settings.json` beside it names the one that counts, so that
 * a whole content is exchanged by one atomic write.
 */
export function contentPath(databaseDirectory: string, content: number): string {
  return path.join(databaseDirectory, contentName(content));
}

export function contentName(content: number): string {
  return `content-${content}`;
}

export function contentNumber(name: string): number {
  return Number(name.slice('content-'.length));
}

export function isContentName(name: string): boolean {
  return contentPattern.test(name);
}

/** The SQLite file of a content. */
export function sqlitePath(contentDirectory: string): string {
  return path.join(contentDirectory, 'data.sqlite');
}

/** The folder of the log of a content. */
export function logPath(contentDirectory: string): string {
  return path.join(contentDirectory, 'log');
}

/** Removes contents that do not count: unfinished ones, and those that a snapshot has replaced. */
export function removeOtherContents(files: FileSystem, databaseDirectory: string, content: number): void {
  for (const name of files.listSync(databaseDirectory)) {
    if (isContentName(name) && contentNumber(name) !== content) {
      files.removeSync(path.join(databaseDirectory, name));
    }
  }
}
