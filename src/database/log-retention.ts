import type { SegmentInfo, TransactionLog, TxId } from '../log/interface.ts';
import type { Clock, Logger } from '../runtime/interface.ts';
import type { DatabaseLimits } from './limits.ts';

/** How often the log is looked at, in milliseconds. */
const intervalMs = 1000;

export type RetentionLimits = Pick<
  DatabaseLimits,
  'logRetentionBytes' | 'logRetentionAgeMs' | 'logRetentionMinBytes' | 'logRetentionMaxBytes'
>;

export interface DropQuestion {
  /** Oldest first. */
  readonly segments: readonly SegmentInfo[];
  /** Oldest record that a known replica has not confirmed. */
  readonly neededFrom: TxId;
  readonly limits: RetentionLimits;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** When the first record of a segment was written; undefined while it has none. */
  readonly beganAtMs: (segment: SegmentInfo) => number | undefined;
}

/**
 * Up to where the log may be cut: the first record that is to stay. Segments go from the oldest on while the log is larger
 * than it should be, or they are older than they should be; one that a replica needs goes only beyond the cap.
 */
export function dropTarget({ segments, neededFrom, limits, nowMs, beganAtMs }: DropQuestion): TxId {
  let remaining = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let target = segments[0]?.firstTxId ?? 0;
  const isAged = (next: SegmentInfo, sizeBytes: number) =>
    limits.logRetentionAgeMs > 0 &&
    remaining - sizeBytes >= limits.logRetentionMinBytes &&
    (beganAtMs(next) ?? nowMs) < nowMs - limits.logRetentionAgeMs;
  for (const [index, { sizeBytes }] of segments.entries()) {
    const next = segments[index + 1];
    if (next === undefined) {
      break;
    }
    const isNeeded = next.firstTxId > neededFrom;
    const isOver = remaining > limits.logRetentionBytes;
    if (isNeeded ? remaining <= limits.logRetentionMaxBytes : !isOver && !isAged(next, sizeBytes)) {
      break;
    }
    target = next.firstTxId;
    remaining -= sizeBytes;
  }
  return target;
}

export interface LogRetentionOptions {
  readonly database: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: RetentionLimits;
  readonly neededFrom: TxId;
}

/** Keeps the log of one database small, on its writer thread and between its commits. */
export class LogRetention {
  readonly #options: LogRetentionOptions;
  #neededFrom: TxId;
  #nextMs = 0;

  constructor(options: LogRetentionOptions) {
    this.#options = options;
    this.#neededFrom = options.neededFrom;
  }

  /** Learns the oldest record that a known replica has not confirmed. */
  hold(neededFrom: TxId): void {
    this.#neededFrom = neededFrom;
  }

  /**
   * Drops what may go, now and then. A record goes only when SQLite has what it did on disk, fsynced: a power loss may
   * take the newest commits of SQLite, and the log is what they come back from.
   * What goes wrong with that must not hold up the writes.
   * @param checkpoint brings SQLite to disk and returns up to which transaction; undefined when that cannot be done now
   */
  step(log: TransactionLog, checkpoint: () => TxId | undefined): void {
    const { clock, logger, database } = this.#options;
    if (clock.monotonicMs() < this.#nextMs) {
      return;
    }
    this.#nextMs = clock.monotonicMs() + intervalMs;
    try {
      this.#dropOld(log, checkpoint);
    } catch (error) {
      logger.warn({ database, error: String(error) }, 'cannot drop old segments of the log');
    }
  }

  #dropOld(log: TransactionLog, checkpoint: () => TxId | undefined): void {
    const segments = log.segments();
    if (segments.length < 2) {
      return;
    }
    const target = this.#target(log, segments);
    if (target > log.firstTxId) {
      this.#drop(log, Math.min(target, (checkpoint() ?? 0) + 1));
    }
  }

  #target(log: TransactionLog, segments: readonly SegmentInfo[]): TxId {
    const { clock, limits } = this.#options;
    const beganAtMs = ({ firstTxId }: SegmentInfo) => timeOf(log, firstTxId);
    return dropTarget({ segments, neededFrom: this.#neededFrom, limits, nowMs: clock.nowMs(), beganAtMs });
  }

  #drop(log: TransactionLog, target: TxId): void {
    const { logger, database } = this.#options;
    const before = log.sizeBytes;
    if (log.dropBefore(target)) {
      const fields = { database, firstTxId: log.firstTxId, droppedBytes: before - log.sizeBytes };
      logger.info(fields, 'dropped old segments of the log');
    }
  }
}

function timeOf(log: TransactionLog, txId: TxId): number | undefined {
  if (txId <= log.tip.txId) {
    for (const { timeMs } of log.records(txId)) {
      return timeMs;
    }
  }
  return undefined;
}
