import { assertInvariant } from '../errors/interface.ts';
import { Listeners } from './listeners.ts';
import type { SharedPositions } from './shared-positions.ts';
import type { DatabaseFailure, DatabasePositions, LogEnds, ReplicationSink } from './types.ts';
import type { WriterClient } from './writer-client.ts';

export interface DatabaseSinkOptions {
  readonly client: () => WriterClient;
  readonly positions: SharedPositions;
  readonly databaseId: () => Uint8Array | undefined;
  /** Called after records were cut from the log. */
  readonly onTruncated: () => void;
}

/** The door through which a replica's records come in. */
export class DatabaseSink implements ReplicationSink {
  readonly #options: DatabaseSinkOptions;
  readonly #listeners = new Listeners();
  #failure: DatabaseFailure | undefined;

  constructor(options: DatabaseSinkOptions) {
    this.#options = options;
  }

  get databaseId(): Uint8Array | undefined {
    return this.#options.databaseId();
  }

  positions(): DatabasePositions {
    return this.#options.positions.read();
  }

  unappliedBytes(): number {
    const { positions } = this.#options;
    return Math.max(0, positions.get('tipBytes') - positions.get('appliedBytes'));
  }

  ends(): Promise<LogEnds> {
    return this.#options.client().request((id) => ['ends', id]);
  }

  initialize(databaseId: Uint8Array): Promise<void> {
    return this.#options.client().request((id) => ['initialize', id, databaseId]);
  }

  async truncateAfter(txId: number): Promise<void> {
    await this.#options.client().request((id) => ['truncate', id, txId]);
    this.#options.onTruncated();
  }

  /** The buffer moves to the writer thread: the caller must not use it again. */
  append(records: Uint8Array, commitTxId: number): Promise<void> {
    // The `slice` of a Buffer would not copy.
    const owned = records.byteLength === records.buffer.byteLength ? records : Uint8Array.prototype.slice.call(records);
    assertInvariant(owned.buffer instanceof ArrayBuffer, 'records are not in shared memory');
    return this.#options.client().request((id) => ['append', id, owned, commitTxId], 0, owned.buffer);
  }

  commitTo(commitTxId: number): void {
    if (commitTxId > this.positions().commit) {
      // A lost request changes nothing: the next heartbeat brings the position again.
      this.#options
        .client()
        .request((id) => ['commit-to', id, commitTxId])
        .catch(() => {});
    }
  }

  subscribe(listener: () => void): () => void {
    return this.#listeners.subscribe(listener);
  }

  failure(): DatabaseFailure | undefined {
    return this.#failure;
  }

  setFailure(failure: DatabaseFailure | undefined): void {
    this.#failure = failure;
  }

  moved(): void {
    this.#listeners.notify();
  }
}
