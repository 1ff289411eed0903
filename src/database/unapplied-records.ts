import { decodeRecords, type LogRecord, type TransactionLog } from '../log/interface.ts';

/** Part of the limit that is read from the log at once; reading finds its place by passing over what is in front. */
const refillShare = 0.5;

export interface SliceLimits {
  readonly maxApplyRecords: number;
  readonly maxApplyBytes: number;
}

/**
 * The records of a replica's log that are not applied yet, oldest first. The oldest of them are in memory, up to a limit
 * in bytes; those beyond it stay in the log and are read again, many at once, when their turn comes.
 */
export class UnappliedRecords {
  readonly #log: TransactionLog;
  readonly #limitBytes: number;
  #records: LogRecord[] = [];
  #head = 0;
  #bytes = 0;
  /** The record after the last one in memory. */
  #nextTxId: number;

  constructor(log: TransactionLog, appliedTxId: number, limitBytes: number) {
    this.#log = log;
    this.#limitBytes = limitBytes;
    this.#nextTxId = appliedTxId + 1;
  }

  /** Bytes of the records in memory. */
  get sizeBytes(): number {
    return this.#bytes;
  }

  /** Takes records that were appended to the log, if nothing before them is missing in memory and there is room. */
  add(bytes: Uint8Array, firstTxId: number): void {
    const fits = this.#bytes === 0 || this.#bytes + bytes.length <= this.#limitBytes;
    if (firstTxId !== this.#nextTxId || !fits) {
      return;
    }
    for (const record of decodeRecords(bytes)) {
      this.#push(record);
    }
  }

  /** The oldest records up to `throughTxId`, as many as fit one SQLite transaction but at least one. They stay here. */
  peek(throughTxId: number, limits: SliceLimits): readonly LogRecord[] {
    if (this.#head === this.#records.length) {
      this.#refill();
    }
    let end = this.#head;
    let bytes = 0;
    while (end - this.#head < limits.maxApplyRecords && bytes < limits.maxApplyBytes) {
      const record = this.#records[end];
      if (record === undefined || record.txId > throughTxId) {
        break;
      }
      bytes += record.sizeBytes;
      end += 1;
    }
    return this.#records.slice(this.#head, end);
  }

  /** Forgets the oldest records: they are applied. */
  remove(applied: readonly LogRecord[]): void {
    this.#head += applied.length;
    for (const record of applied) {
      this.#bytes -= record.sizeBytes;
    }
    if (this.#head === this.#records.length || this.#head > this.#records.length / 2) {
      this.#records = this.#records.slice(this.#head);
      this.#head = 0;
    }
  }

  #push(record: LogRecord): void {
    this.#records.push(record);
    this.#bytes += record.sizeBytes;
    this.#nextTxId = record.txId + 1;
  }

  #refill(): void {
    if (this.#nextTxId > this.#log.tip.txId) {
      return;
    }
    for (const record of this.#log.records(this.#nextTxId)) {
      this.#push(record);
      if (this.#bytes >= this.#limitBytes * refillShare) {
        return;
      }
    }
  }
}
