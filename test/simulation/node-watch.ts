import type { Database, DatabasePositions, ReplicationSink } from '../../src/database/interface.ts';
import type { ReplicationTransport } from '../../src/replication/interface.ts';

/**
 * What must hold on one node at every moment and over all of its lives.
 *
 * What the node has called durable, and what it has confirmed to its upstream, must be in its log after every crash; only
 * a cut of records that were never committed may take it away.
 */
export class NodeWatch {
  readonly #onDefect: (what: string) => void;
  #last: DatabasePositions | undefined;
  #durable = 0;
  #confirmed = 0;
  /** Highest transaction that this node ever knew to be committed. */
  #committed = 0;
  #cuts = 0;
  /** Where a cut that is under way will end. */
  #cutTo: number | undefined;

  constructor(onDefect: (what: string) => void) {
    this.#onDefect = onDefect;
  }

  /** How often records that were never committed were cut from the log. */
  get cuts(): number {
    return this.#cuts;
  }

  /**
   * A new life has opened the database. `showsAll`: readers see at least what they saw before; only a replica that lost
   * its power may need its upstream to know again what is committed.
   */
  opened(positions: DatabasePositions, showsAll: boolean): void {
    const shown = this.#last?.applied ?? 0;
    this.#expect(!showsAll || positions.applied >= shown, `${shown} was shown, and only ${positions.applied} is now`);
    this.#last = undefined;
    this.#cutTo = undefined;
    this.#expect(
      positions.durable >= this.#durable,
      `${this.#durable} was durable, but the log ends at ${positions.durable}`,
    );
    this.#expect(
      positions.durable >= this.#confirmed,
      `${this.#confirmed} was confirmed to the upstream, but the log ends at ${positions.durable}`,
    );
    this.check(positions);
  }

  /** To be called after every event. */
  check(positions: DatabasePositions): void {
    const { tip, durable, commit, applied } = positions;
    const last = this.#last ?? positions;
    const ordered = applied <= commit && commit <= durable && durable <= tip;
    this.#expect(ordered, `applied ${applied} <= commit ${commit} <= durable ${durable} <= tip ${tip} does not hold`);
    this.#expect(applied >= last.applied, `applied went back from ${last.applied} to ${applied}`);
    this.#expect(commit >= last.commit, `commit went back from ${last.commit} to ${commit}`);
    const isCut = durable < last.durable && durable === this.#cutTo;
    this.#expect(durable >= last.durable || isCut, `durable went back from ${last.durable} to ${durable}`);
    this.#cutTo = isCut ? undefined : this.#cutTo;
    this.#last = positions;
    // While a cut is under way nobody can say whether a crash finds the log before or after it.
    this.#durable = this.#cutTo ?? Math.max(this.#durable, durable);
    this.#committed = Math.max(this.#committed, commit);
  }

  /** The sink of a replica under watch: what may be cut from its log? */
  sink(sink: ReplicationSink): ReplicationSink {
    return {
      get databaseId() {
        return sink.databaseId;
      },
      positions: () => sink.positions(),
      ends: () => sink.ends(),
      unappliedBytes: () => sink.unappliedBytes(),
      initialize: (databaseId) => sink.initialize(databaseId),
      truncateAfter: (txId) => {
        this.#cut(txId);
        return sink.truncateAfter(txId);
      },
      append: (records, commitTxId) => sink.append(records, commitTxId),
      commitTo: (commitTxId) => sink.commitTo(commitTxId),
      subscribe: (listener) => sink.subscribe(listener),
      failure: () => sink.failure(),
    };
  }

  #cut(txId: number): void {
    this.#expect(txId >= this.#committed, `the log is cut after ${txId}, but ${this.#committed} was committed`);
    this.#cutTo = txId;
    this.#cuts += 1;
    this.#durable = Math.min(this.#durable, txId);
    this.#confirmed = Math.min(this.#confirmed, txId);
  }

  /** The transport of a replica under watch: what does it confirm? */
  transport(transport: ReplicationTransport, database: Database): ReplicationTransport {
    return {
      openExport: (upstream, listener) => {
        const stream = transport.openExport(upstream, listener);
        return {
          send: (request) => {
            if (request.message?.$case === 'acknowledgement') {
              this.#confirm(request.message.value.durableTxId, database.positions().durable);
            }
            return stream.send(request);
          },
          end: (error) => stream.end(error),
          pause: () => stream.pause(),
          resume: () => stream.resume(),
        };
      },
    };
  }

  #confirm(txId: number, durable: number): void {
    this.#expect(txId <= durable, `${txId} is confirmed to the upstream, but only ${durable} is durable`);
    this.#confirmed = Math.max(this.#confirmed, txId);
  }

  #expect(holds: boolean, otherwise: string): void {
    if (!holds) {
      this.#onDefect(otherwise);
    }
  }
}
