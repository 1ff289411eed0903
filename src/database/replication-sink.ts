import { assertInvariant } from '../errors/interface.ts';
import type { Term } from '../log/interface.ts';
import { Listeners } from './listeners.ts';
import type { SharedPositions } from './shared-positions.ts';
import type { Awaited, DatabaseFailure, DatabasePositions, LogEnds, ReplicationSink } from './types.ts';
import type { RecordTrace } from './write-trace.ts';
import type { WriterClient } from './writer-client.ts';
import { noReply } from './writer-messages.ts';

export interface DatabaseSinkOptions {
  readonly client: () => WriterClient;
  readonly positions: SharedPositions;
  readonly databaseId: () => Uint8Array | undefined;
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

  promisedTerm(): Term {
    return this.#options.positions.get('promised');
  }

  truncateAfter(txId: number, term: Term): Promise<void> {
    return this.#options.client().request((id) => ['truncate', id, txId, term]);
  }

  /** The buffer moves to the writer thread: the caller must not use it again. */
  append(
    records: Uint8Array,
    commitTxId: number,
    term: Term,
    awaited?: Awaited,
    traces?: readonly RecordTrace[],
  ): Promise<void> {
    // The `slice` of a Buffer would not copy.
    const owned = records.byteLength === records.buffer.byteLength ? records : Uint8Array.prototype.slice.call(records);
    assertInvariant(owned.buffer instanceof ArrayBuffer, 'records are not in shared memory');
    const { client } = this.#options;
    return client().request((id) => ['append', id, owned, commitTxId, awaited, term, traces], 0, owned.buffer);
  }

  commitTo(commitTxId: number, term: Term): void {
    if (commitTxId > this.positions().commit) {
      // A lost request changes nothing: the next heartbeat brings the position again.
      this.#options.client().tell(['commit-to', noReply, commitTxId, term]);
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
