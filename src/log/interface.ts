/**
 * The public face of the `log` layer: transaction records on disk.
 *
 * The format is documented byte by byte in `docs/log-format.md`.
 */
export { LogReader } from './log-reader.ts';
export { databaseIdBytes, decodeRecord, encodeRecord, genesisHash } from './record.ts';
export { verifyBatch } from './record-chain.ts';
export { RecordEncoder } from './record-encoder.ts';
export { decodeRecords } from './record-reading.ts';
export { TransactionLog } from './transaction-log.ts';
export type {
  LogOptions,
  LogPosition,
  LogRecord,
  NewLogOptions,
  RecordBatch,
  RecordFields,
  RecoveryReport,
  SegmentInfo,
  Term,
  TxId,
} from './types.ts';
