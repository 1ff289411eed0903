/**
 * The public face of the `log` layer: transaction records on disk.
 *
 * The format is documented byte by byte in `docs/log-format.md`.
 */
export { LogReader } from './log-reader.ts';
export { decodeRecord, encodeRecord, genesisHash, verifyBatch } from './record.ts';
export { TransactionLog } from './transaction-log.ts';
export type {
  LogOptions,
  LogPosition,
  LogRecord,
  RecordBatch,
  RecordFields,
  RecoveryReport,
  Term,
  TxId,
} from './types.ts';
