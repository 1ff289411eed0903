import { QuorateError } from '../errors/interface.ts';
import { TransactionLog } from '../log/interface.ts';
import { logPath } from './content-directory.ts';
import type { SharedPositions } from './shared-positions.ts';
import type { WriterServices } from './writer-role.ts';

type LogServices = Pick<WriterServices, 'runtime' | 'start' | 'positions' | 'hybridClock'>;

/** Opens the log in a content folder, if there is one. @throws QuorateError LOG_CORRUPT, IO_ERROR */
export function openLog(services: LogServices, directory: string): TransactionLog | undefined {
  const { runtime, start } = services;
  const path = logPath(directory);
  if (!TransactionLog.exists(runtime.files, path)) {
    return undefined;
  }
  const { log, report } = TransactionLog.open(runtime.files, path, { segmentSizeBytes: start.limits.logSegmentBytes });
  const { cutBytes } = report;
  if (cutBytes > 0) {
    runtime.logger.warn({ database: start.name, cutBytes }, 'cut an incomplete frame at the end of the log');
  }
  return taken(services, directory, log);
}

/** Begins a log in a content folder. @throws QuorateError IO_ERROR, DISK_FULL */
export function createLog(services: LogServices, directory: string, databaseId: Uint8Array): TransactionLog {
  const { runtime, start } = services;
  const options = { segmentSizeBytes: start.limits.logSegmentBytes };
  return taken(services, directory, TransactionLog.create(runtime.files, logPath(directory), databaseId, options));
}

/** Tells other threads what the log has. */
export function noteLog(positions: SharedPositions, log: TransactionLog): void {
  positions.set('logFirst', log.firstTxId);
  positions.set('logBytes', log.sizeBytes);
  positions.set('tipBytes', log.recordBytes);
}

/** @throws QuorateError WRONG_DATABASE */
export function requireSameDatabase(log: TransactionLog, databaseId: Uint8Array): void {
  if (Buffer.compare(log.databaseId, databaseId) !== 0) {
    throw new QuorateError('WRONG_DATABASE', 'the upstream database is not the one this replica was made from', {
      hint: 'Delete this replica and create it again, or point it at the right upstream.',
    });
  }
}

function taken(services: LogServices, directory: string, log: TransactionLog): TransactionLog {
  const { positions, runtime, hybridClock } = services;
  // A process that was killed may have made the folder of the log without making it durable.
  runtime.files.syncDirectorySync(directory);
  positions.set('tip', log.tip.txId);
  positions.set('durable', log.tip.txId);
  positions.set('term', log.tip.term);
  noteLog(positions, log);
  hybridClock.observeTip(log);
  return log;
}
