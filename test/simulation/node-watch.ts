import type { Database, DatabasePositions, ReplicationSink, SnapshotInbox } from '../../src/database/interface.ts';
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
  /** Highest transaction of which a client was told that this node holds it. */
  #vouched = 0;
  /** A snapshot is being put in the place of what there was. */
  #isInstalling = false;
  /** A person has said that a snapshot may take the place of all that there is. */
  #isGivenUp = false;
  /** Transactions are being taken back. */
  #isRewinding = false;
  #installs = 0;
  #shown = 0;
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

  /** Highest transaction that readers of this node could ever see. */
  get shown(): number {
    return this.#shown;
  }

  /** How often a snapshot was installed. */
  get installs(): number {
    return this.#installs;
  }

  /** Highest transaction that this node has confirmed to its upstream. */
  get confirmed(): number {
    return this.#confirmed;
  }

  /** A client was told that the transaction is held by this node: it must never lose it. */
  vouch(txId: number): void {
    this.#vouched = Math.max(this.#vouched, txId);
  }

  /** What must not go, whatever takes the place of this log. */
  get #kept(): number {
    return Math.max(this.#committed, this.#vouched);
  }

  /**
   * A new life has opened the database. `showsAll`: readers see at least what they saw before; only a replica that lost
   * its power may need its upstream to know again what is committed.
   */
  opened(positions: DatabasePositions, showsAll: boolean): void {
    this.#startOver();
    const shown = this.#last?.applied ?? 0;
    this.#expect(!showsAll || positions.applied >= shown, `${shown} was shown, and only ${positions.applied} is now`);
    this.#last = undefined;
    this.#cutTo = undefined;
    this.#isInstalling = false;
    this.#isRewinding = false;
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
    if (this.#isRewinding || this.#isGivenUp) {
      return;
    }
    const { tip, durable, commit, applied } = positions;
    const last = this.#last ?? positions;
    const ordered = applied <= commit && commit <= durable && durable <= tip;
    this.#expect(ordered, `applied ${applied} <= commit ${commit} <= durable ${durable} <= tip ${tip} does not hold`);
    this.#expect(applied >= last.applied, `applied went back from ${last.applied} to ${applied}`);
    this.#expect(commit >= last.commit, `commit went back from ${last.commit} to ${commit}`);
    const isCut = durable < last.durable && (durable === this.#cutTo || (this.#isInstalling && durable >= this.#kept));
    this.#expect(durable >= last.durable || isCut, `durable went back from ${last.durable} to ${durable}`);
    this.#cutTo = isCut ? undefined : this.#cutTo;
    this.#last = positions;
    // While a cut is under way nobody can say whether a crash finds the log before or after it.
    this.#durable = this.#cutTo ?? (this.#isInstalling ? this.#kept : Math.max(this.#durable, durable));
    this.#committed = Math.max(this.#committed, commit);
    this.#shown = Math.max(this.#shown, applied);
  }

  /** The sink of a replica under watch: what may be cut from its log? */
  sink(sink: ReplicationSink): ReplicationSink {
    return {
      get databaseId() {
        return sink.databaseId;
      },
      positions: () => sink.positions(),
      ends: () => sink.ends(),
      promisedTerm: () => sink.promisedTerm(),
      unappliedBytes: () => sink.unappliedBytes(),
      initialize: (databaseId) => sink.initialize(databaseId),
      truncateAfter: (txId, term) => {
        this.#cut(txId);
        return sink.truncateAfter(txId, term);
      },
      append: (records, commitTxId, term, awaited) => sink.append(records, commitTxId, term, awaited),
      commitTo: (commitTxId, term) => sink.commitTo(commitTxId, term),
      subscribe: (listener) => sink.subscribe(listener),
      failure: () => sink.failure(),
    };
  }

  /** A replica whose history has parted from that of its upstream goes back to what they have in common. */
  async rewind(txId: number, run: () => Promise<unknown>): Promise<void> {
    this.#isRewinding = true;
    this.#last = undefined;
    this.#durable = Math.min(this.#durable, txId);
    this.#confirmed = Math.min(this.#confirmed, txId);
    this.#committed = Math.min(this.#committed, txId);
    this.#shown = Math.min(this.#shown, txId);
    try {
      await run();
    } finally {
      this.#isRewinding = false;
    }
  }

  /** Nobody knows what there was, where it was given up: what is found counts. */
  #startOver(): void {
    if (this.#isGivenUp) {
      this.#isGivenUp = false;
      this.forget();
    }
  }

  /** The database was deleted. */
  forget(): void {
    this.#last = undefined;
    this.#durable = 0;
    this.#confirmed = 0;
    this.#committed = 0;
    this.#shown = 0;
  }

  /** The inbox of a replica under watch: a snapshot may take the place of what was never committed, too. */
  inbox(inbox: SnapshotInbox, onInstall: () => void): SnapshotInbox {
    return {
      get isRequired() {
        return inbox.isRequired;
      },
      received: () => inbox.received(),
      begin: (header, offset, term) => inbox.begin(header, offset, term),
      write: (offset, content) => inbox.write(offset, content),
      install: async (sha256) => {
        onInstall();
        this.#isInstalling = true;
        this.#isGivenUp = inbox.isRequired;
        this.#durable = Math.min(this.#durable, this.#kept);
        this.#confirmed = Math.min(this.#confirmed, this.#kept);
        await inbox.install(sha256);
        this.#isInstalling = false;
        this.#startOver();
        this.#installs += 1;
      },
      pause: () => inbox.pause(),
      discard: () => inbox.discard(),
    };
  }

  #cut(txId: number): void {
    this.#expect(txId >= this.#committed, `the log is cut after ${txId}, but ${this.#committed} was committed`);
    this.#expect(
      txId >= this.#vouched,
      `the log is cut after ${txId}, but a client was told that ${this.#vouched} is held`,
    );
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
            if (request.message?.$case === 'start') {
              this.#confirm(request.message.value.durable?.txId ?? 0, database.positions().durable);
            } else if (request.message?.$case === 'acknowledgement') {
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
