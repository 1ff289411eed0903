import { asQuorateError, QuorateError } from '../errors/interface.ts';
import type { TransactionLog } from '../log/interface.ts';
import type { PrimaryConnection } from '../sqlite/interface.ts';
import type { AckMonitor } from './ack-monitor.ts';
import { type AckWish, noGoal } from './acks.ts';
import type { Lease } from './lease.ts';
import { PrimaryPipeline } from './primary-pipeline.ts';
import { openAtLogEnd } from './recovery.ts';
import type { WriterServices } from './writer-role.ts';

/** How often a database that failed tries to open itself again, in milliseconds. */
const reopenIntervalMs = 1000;

export interface PrimaryStoreOptions {
  readonly services: WriterServices;
  readonly log: TransactionLog;
  readonly term: number;
  readonly acks: AckMonitor;
  readonly lease: Lease;
}

/** What a primary writes into: SQLite at the end of its log, opened again after a failure. */
export class PrimaryStore {
  readonly #options: PrimaryStoreOptions;
  #connection: PrimaryConnection | undefined;
  #pipeline: PrimaryPipeline | undefined;
  #failure: QuorateError | undefined;
  #fatal = false;
  #nextReopenMs = 0;
  /** The end of the log has not been acknowledged since this role began: it is not shown, and nothing is written. */
  #tailWaits = false;

  /** Opens SQLite at the end of the log; or, when that end may not be shown yet, waits with it. */
  constructor(options: PrimaryStoreOptions) {
    this.#options = options;
    this.#open();
  }

  get connection(): PrimaryConnection | undefined {
    return this.#connection;
  }

  get pipeline(): PrimaryPipeline | undefined {
    return this.#pipeline;
  }

  #open(isTailCommitted = this.#isTailCommitted()): void {
    const { services, log, term, acks, lease } = this.#options;
    const { start, positions, hybridClock, runtime, onAppended } = services;
    const connection = openAtLogEnd(services.file(), log, start.limits, isTailCommitted);
    if (typeof connection === 'number') {
      return this.#awaitTail(connection);
    }
    this.#connection = connection;
    this.#pipeline = new PrimaryPipeline({
      connection,
      log,
      positions,
      hybridClock,
      clock: runtime.clock,
      origin: start.origin,
      term,
      limits: start.limits,
      acks,
      lease,
      onAppended,
      onCommitFailed: (cause) => this.#reopenAfter(cause),
      onLogFailed: (cause) => this.#fail(cause, true),
    });
    positions.set('term', term);
    positions.set('commit', log.tip.txId);
    positions.set('applied', log.tip.txId);
  }

  /**
   * Records that SQLite does not have may be unacknowledged: the node stopped while they waited, or they are of an earlier
   * term. They are not to be shown before enough replicas hold them (invariants I1, I2).
   */
  #isTailCommitted(): boolean {
    const { acks, log, lease } = this.#options;
    return lease.isValid && acks.isDurable(log.tip.txId, acks.rule(undefined).durable);
  }

  #awaitTail(appliedTxId: number): void {
    const { services, log, term, acks } = this.#options;
    const { positions } = services;
    this.#tailWaits = true;
    positions.set('term', term);
    // As a replica it may have known of more that was committed than it had applied.
    positions.set('commit', Math.max(appliedTxId, Math.min(positions.get('commit'), log.tip.txId)));
    positions.set('applied', appliedTxId);
    acks.waiting();
  }

  /** Goes on with what the acknowledgements allow. */
  acknowledged(): void {
    const { acks } = this.#options;
    if (this.#tailWaits && this.#isTailCommitted()) {
      this.#tailWaits = false;
      acks.released();
      this.#openTail();
    }
    this.#pipeline?.acknowledged();
  }

  /** Nobody asked for this now, so nobody can be told but by the status; the next write tries again. */
  #openTail(): void {
    try {
      this.#open(true);
    } catch (error) {
      this.#fail(asQuorateError(error), false);
    }
  }

  get waitsForReplicas(): boolean {
    return this.#tailWaits || this.#pipeline?.waitsForReplicas === true;
  }

  /** Whether nothing can run until replicas let it go on. */
  get stands(): boolean {
    return this.#tailWaits || this.#pipeline?.isHeld === true;
  }

  /** What replicas must have for this to go on. */
  get wish(): AckWish {
    const { acks, log } = this.#options;
    if (this.#tailWaits || this.#pipeline === undefined) {
      return { durable: { count: acks.rule(undefined).durable, txId: log.tip.txId }, applied: noGoal };
    }
    return this.#pipeline.wish;
  }

  /** SQLite did not take a group that the log has: opening again replays it from there. Throws if that fails, too. */
  #reopenAfter(cause: QuorateError): void {
    const { runtime, start } = this.#options.services;
    runtime.logger.error(
      { database: start.name, error: cause.message },
      'SQLite refused a commit; recovering from the log',
    );
    try {
      this.close();
      this.#open(true);
    } catch (error) {
      this.#fail(asQuorateError(error), false);
      throw error;
    }
  }

  #fail(failure: QuorateError, fatal: boolean): void {
    const { runtime, onFailure } = this.#options.services;
    this.#failure = failure;
    this.#fatal = fatal;
    this.#nextReopenMs = runtime.clock.monotonicMs() + reopenIntervalMs;
    onFailure(failure);
  }

  /** A database that failed refuses writes; from time to time a write makes it try to open again. */
  ensureOpen(): PrimaryConnection {
    const { runtime, onFailure } = this.#options.services;
    if (this.#failure !== undefined) {
      if (this.#fatal || runtime.clock.monotonicMs() < this.#nextReopenMs) {
        throw this.#failure;
      }
      try {
        this.#open();
      } catch (error) {
        this.#fail(asQuorateError(error), false);
        throw error;
      }
      this.#failure = undefined;
      onFailure(undefined);
    }
    if (this.#connection === undefined) {
      throw new QuorateError('UNAVAILABLE', 'the database is closed');
    }
    return this.#connection;
  }

  /** Not while a SQLite transaction is open. */
  checkpoint(): number | undefined {
    const isBusy = this.#tailWaits || this.#pipeline?.isHeld !== false;
    if (isBusy || this.#connection === undefined || this.#failure !== undefined) {
      return undefined;
    }
    const applied = this.#options.services.positions.get('applied');
    return this.#connection.checkpoint('passive').complete ? applied : undefined;
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }
}
