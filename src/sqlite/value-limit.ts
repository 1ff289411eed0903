import type { DatabaseSyncOptions } from 'node:sqlite';

/** Lets SQLite refuse larger texts, blobs and rows before it takes the memory for them. Node before 25.8 ignores it. */
export function valueLimit(maxValueBytes: number | undefined): Pick<DatabaseSyncOptions, 'limits'> {
  return maxValueBytes === undefined ? {} : { limits: { length: maxValueBytes } };
}
