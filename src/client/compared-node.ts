import type { SnapshotCall, SnapshotCalls } from '../database/interface.ts';

/** A database on a node, as a comparison uses it. Markers are 16 bytes, in hexadecimal. */
export interface ComparedNode {
  /** From here on the node pins a snapshot where the marker arrives; the identity of its database. */
  prepare(marker: string): Promise<Uint8Array>;
  /** Has the marker written into the log of the primary; its transaction. */
  writeMarker(marker: string): Promise<number>;
  /** Pins the snapshot at once, wherever the node stands; the transaction that it ends with. */
  pin(marker: string): Promise<number>;
  /** Asks the snapshot at the marker, waiting until it is pinned. */
  ask<K extends SnapshotCall>(
    marker: string,
    call: K,
    request: SnapshotCalls[K]['request'],
  ): Promise<SnapshotCalls[K]['answer']>;
  end(marker: string): Promise<void>;
}

/** Limits of one answer: little enough for one message, enough to make the way there and back worth it. */
export const rangeLimits = { rangeRows: 1000, rangeBytes: 1024 * 1024, answerBytes: 4 * 1024 * 1024 } as const;

/** Rows and bytes of one page of rows. */
export const pageLimits = { maxRows: 1000, maxBytes: 4 * 1024 * 1024 } as const;
