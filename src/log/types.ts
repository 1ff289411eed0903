/** Number of a transaction in one log: 1, 2, 3 … without gaps. 0 stands before the first one. */
export type TxId = number;

/** Number of a reign of one primary; grows with every promotion. */
export type Term = number;

/** Where a log stands. `hash` is the chain hash of the record `txId`, 32 bytes; before the first record it is `genesisHash`. */
export interface LogPosition {
  readonly txId: TxId;
  readonly term: Term;
  readonly hash: Uint8Array;
}

/** What a writer gives for one committed transaction. */
export interface RecordFields {
  readonly txId: TxId;
  readonly term: Term;
  /** Wall clock of the primary, milliseconds since 1970 (at most 48 bits). */
  readonly timeMs: number;
  /** Orders records within a millisecond (16 bits): the logical part of a hybrid logical clock. */
  readonly timeCounter: number;
  /** The node that wrote the transaction first. */
  readonly origin: bigint;
  /** Hash of the schema *after* this transaction. */
  readonly schemaHash: bigint;
  /** Encoded operations; their format belongs to the `sqlite` layer. */
  readonly operations: Uint8Array;
}

/** A record as it stands in a log. */
export interface LogRecord extends RecordFields {
  /** SHA-256(previous hash ‖ record without its hash), 32 bytes. */
  readonly hash: Uint8Array;
  /** Bytes of the whole record. */
  readonly sizeBytes: number;
}

/** Several whole records in a row, exactly as they are stored and sent. */
export interface RecordBatch {
  readonly bytes: Uint8Array;
  readonly firstTxId: TxId;
  readonly lastTxId: TxId;
  /** Position after the last record. */
  readonly end: LogPosition;
}

export interface LogOptions {
  /**
   * Largest size of a preallocated segment file, bytes. The first one has at most 1 MiB and each further one twice the
   * size of the one before. A larger frame gets a segment of its own size. Default 16 MiB.
   */
  readonly segmentSizeBytes: number;
}

export interface NewLogOptions extends Partial<LogOptions> {
  /** The position that the log continues, for a database that began as a snapshot. Default: before transaction 1. */
  readonly after?: LogPosition | undefined;
}

/** One file of a log. */
export interface SegmentInfo {
  readonly firstTxId: TxId;
  /** Bytes on disk, with unused room. */
  readonly sizeBytes: number;
}

/** What `TransactionLog.open` found and did. */
export interface RecoveryReport {
  /** Bytes of an incomplete last frame that were cut; 0 after a clean stop. */
  readonly cutBytes: number;
  /** Records found. */
  readonly records: number;
}
