/** Small logs for tests. */
import path from 'node:path';
import { createSeededRandom, SimulatedFileSystem } from '../../runtime/interface.ts';
import {
  type LogReader,
  type LogRecord,
  type RecordBatch,
  RecordEncoder,
  type RecordFields,
  type TransactionLog,
} from '../interface.ts';

export const directory = '/data/log';
export const databaseId: Uint8Array = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');

/** Fields that differ from record to record and reach into the high half of every number. */
export function sampleFields(txId: number, operations: Uint8Array = sampleOperations(txId), term = 1): RecordFields {
  return {
    txId,
    term,
    timeMs: 1_790_000_000_000 + txId,
    timeCounter: txId % 65_536,
    origin: 0xfedc_ba98_0000_0000n + BigInt(txId),
    schemaHash: 0x8000_0000_0000_0001n,
    operations,
  };
}

function sampleOperations(txId: number): Uint8Array {
  return Buffer.from(`operations of transaction ${txId}`);
}

/** Appends one frame with a record for each of `sizes` (bytes of operations) and makes it durable. */
export function appendFrame(log: TransactionLog, sizes: readonly number[]): void {
  appendUnsynced(log, sizes);
  log.sync();
}

export function appendUnsynced(log: TransactionLog, sizes: readonly number[]): void {
  const encoder = encodeFrame(log, sizes);
  log.append(encoder.bytes, encoder.count, encoder.end);
}

/** The records of a frame that can be appended to `log` now. */
export function encodeFrame(log: TransactionLog, sizes: readonly number[]): RecordEncoder {
  const encoder = new RecordEncoder(log.tip);
  const term = Math.max(1, log.tip.term);
  for (const size of sizes) {
    const txId = log.tip.txId + encoder.count + 1;
    encoder.add(sampleFields(txId, Buffer.alloc(size, txId), term));
  }
  return encoder;
}

export function simulatedFiles(seed = 1): SimulatedFileSystem {
  return new SimulatedFileSystem(createSeededRandom(seed));
}

/** What one would have to tell apart two logs by: the chain hash of every record. */
export function hashesOf(log: TransactionLog): string[] {
  return [...log.records(log.firstTxId)].map(hashOf);
}

export function hashOf(record: Pick<LogRecord, 'hash'>): string {
  return Buffer.from(record.hash).toString('hex');
}

/** Puts the files of a log into an empty simulated file system. */
export function filesWith(contents: ReadonlyMap<string, Uint8Array>): SimulatedFileSystem {
  const files = simulatedFiles();
  files.makeDirectorySync(directory);
  for (const [name, bytes] of contents) {
    const handle = files.openSync(path.join(directory, name), 'create');
    handle.writeSync(bytes, 0);
    handle.closeSync();
  }
  return files;
}

export function contentsOf(files: SimulatedFileSystem): Map<string, Uint8Array> {
  return new Map(files.listSync(directory).map((name) => [name, files.readFileSync(path.join(directory, name))]));
}

/** Everything that a reader gives from `fromTxId` to `throughTxId`. */
export async function readAll(
  reader: LogReader,
  fromTxId: number,
  throughTxId: number,
  maxBytes: number,
): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = [];
  for (let next = fromTxId; next <= throughTxId; next = (batches.at(-1)?.lastTxId ?? 0) + 1) {
    batches.push(await reader.read(next, throughTxId, maxBytes));
  }
  return batches;
}
