/** Limits and settings of a `PrimaryConnection`. */
export interface PrimaryOptions {
  /** Bytes that one client transaction may change. Default 64 MiB. */
  readonly maxTransactionBytes?: number | undefined;
  /** Bytes of one text, blob or row. Default: what SQLite takes, 1 GB. */
  readonly maxValueBytes?: number | undefined;
  /** Bytes of rows that one statement may return. Default: no limit. */
  readonly maxResultBytes?: number | undefined;
  /** Prepared statements that are kept. Default 500. */
  readonly maxCachedStatements?: number | undefined;
  /** How long to wait for a lock that another connection holds, in milliseconds. Default 5000. */
  readonly busyTimeoutMs?: number | undefined;
}

export const defaultMaxTransactionBytes = 64 * 1024 * 1024;
export const defaultMaxCachedStatements = 500;
export const defaultBusyTimeoutMs = 5000;
