import type { TxId } from '../log/interface.ts';
import type { RecordTrace } from './write-trace.ts';

/** Traced transactions that are remembered; replicas that are further behind are told of no traces. */
const maxTraces = 1024;

/** Which of the newest records belong to traces. */
export class RecentTraces {
  readonly #traceparents = new Map<TxId, string>();
  #newestTxId = 0;
  #untold = 0;

  /** How many were left out of messages that had no room for them. */
  get untold(): number {
    return this.#untold;
  }

  add(traces: readonly RecordTrace[]): void {
    for (const [txId, traceparent] of traces) {
      this.#traceparents.set(txId, traceparent);
      this.#newestTxId = txId;
    }
    for (const txId of this.#traceparents.keys()) {
      if (this.#traceparents.size <= maxTraces) {
        break;
      }
      this.#traceparents.delete(txId);
    }
  }

  /** Those of a run of records, at most `limit`. */
  between(firstTxId: TxId, lastTxId: TxId, limit: number): RecordTrace[] {
    const found: RecordTrace[] = [];
    if (firstTxId > this.#newestTxId) {
      return found;
    }
    for (const [txId, traceparent] of this.#traceparents) {
      if (txId < firstTxId || txId > lastTxId) {
        continue;
      }
      if (found.length < limit) {
        found.push([txId, traceparent]);
      } else {
        this.#untold += 1;
      }
    }
    return found;
  }

  clear(): void {
    this.#traceparents.clear();
    this.#newestTxId = 0;
  }
}
