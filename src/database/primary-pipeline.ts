import { asQuorateError, type QuorateError } from '../errors/interface.ts';
import { RecordEncoder, type TransactionLog } from '../log/interface.ts';
import type { Clock } from '../runtime/interface.ts';
import type { CapturedTransaction, KeyedTransaction, PrimaryConnection } from '../sqlite/interface.ts';
import type { AckMonitor } from './ack-monitor.ts';
import { type AckGoal, type AckRule, type AckWish, lowerOf, noGoal } from './acks.ts';
import type { HybridClock } from './hybrid-clock.ts';
import { type Lease, leaseLost } from './lease.ts';
import type { DatabaseLimits } from './limits.ts';
import type { MarkerWatch } from './marker-watch.ts';
import {
  countKeys,
  type ExecutedTransaction,
  failAll,
  type PendingTransaction,
  runTransaction,
} from './pending-transaction.ts';
import type { SharedPositions } from './shared-positions.ts';
import { WriteAnswers } from './write-answers.ts';
import { inDoubt, leaseEnded, notAcknowledged } from './write-errors.ts';
import type { RecordTrace, WriteStep, WriteTrace } from './write-trace.ts';

export interface PrimaryPipelineOptions {
  readonly connection: PrimaryConnection;
  readonly log: TransactionLog;
  readonly positions: SharedPositions;
  readonly hybridClock: HybridClock;
  readonly clock: Clock;
  readonly origin: bigint;
  readonly term: number;
  readonly limits: DatabaseLimits;
  readonly acks: AckMonitor;
  readonly lease: Lease;
  /**
   * Called after records were written to the log and before they are fsynced; the bytes are valid during the call only.
   * `wish`: what clients wait for who wait for acknowledgements of them. `traces`: of the traced ones among them.
   */
  readonly onAppended: (records: Uint8Array, wish?: AckWish, traces?: readonly RecordTrace[]) => void;
  /** Called when SQLite did not take what the log has. Throws if the database cannot go on. */
  readonly onCommitFailed: (cause: QuorateError) => void;
  /** Called when an fsync of the log failed: nothing can be written any more. */
  readonly onLogFailed: (cause: QuorateError) => void;
}

interface HeldGroup {
  readonly executed: readonly ExecutedTransaction[];
  /** Whether it is in the log; otherwise nothing was changed. */
  readonly logged: boolean;
  /** Its last transaction. */
  readonly txId: number;
  /** Replicas that must hold it. */
  readonly durable: number;
  readonly sinceMs: number;
}

/**
 * The write path of a primary: many client transactions in one SQLite transaction and one fsync.
 *
 * The order is what makes it safe (invariants I2 and I4). Every transaction runs in a savepoint of its own, so one that
 * fails takes only itself away. Then all records go into the log with one write and one fsync. Only then does SQLite
 * commit: a reader never sees what a crash could take back, and after a crash SQLite may be behind its log, never ahead.
 */
export class PrimaryPipeline {
  readonly #options: PrimaryPipelineOptions;
  readonly #encoder: RecordEncoder;
  /** A group that is in the log and in an open SQLite transaction. */
  #held: HeldGroup | undefined;
  readonly #answers: WriteAnswers;
  /** The traced transactions of the group whose records are encoded. */
  #traced: { readonly txId: number; readonly trace: WriteTrace }[] = [];

  constructor(options: PrimaryPipelineOptions) {
    this.#options = options;
    this.#encoder = new RecordEncoder(options.log.tip);
    this.#answers = new WriteAnswers(options);
  }

  /** Commits one group of what `next` gives, and answers everyone in it. */
  runGroup(next: () => PendingTransaction | undefined): void {
    let rerun: PendingTransaction[] | undefined;
    do {
      const source: () => PendingTransaction | undefined = rerun === undefined ? next : rerun.shift.bind(rerun);
      const group = this.#runAll(source);
      rerun = group.lost;
      if (group.lost === undefined) {
        this.#persist(group.executed);
      }
    } while (rerun !== undefined && rerun.length > 0);
  }

  /** Commits what ran in a SQLite transaction of its own, outside any group. */
  commitAlone(captured: CapturedTransaction, pending: ExecutedTransaction['pending']): void {
    this.#beginGroup();
    this.#persist([{ pending, results: [], txId: this.#encode(captured, pending.trace) }]);
  }

  /** Writes a record that is nothing but a marker. Where somebody waits for it, nothing may be committed until they are done. */
  commitMarker(
    marker: Uint8Array,
    markers: MarkerWatch,
    call: { succeed(txId: number): void; fail(error: QuorateError): void },
  ): void {
    const { connection, acks } = this.#options;
    const captured = connection.marker(marker);
    const awaited = markers.awaitedIn(captured.operations);
    connection.begin();
    this.commitAlone(captured, {
      // It is answered when it is committed, also where clients wait until replicas show their transactions.
      acks: { ...acks.rule(undefined), applied: 0 },
      succeed: (_term, txId) => {
        if (awaited !== undefined) {
          markers.reached(awaited, txId);
        }
        call.succeed(txId);
      },
      fail: (error) => call.fail(error),
    });
  }

  /**
   * Runs transactions until a limit of the group is reached. A statement with `OR ROLLBACK` or `RAISE(ROLLBACK)` takes the
   * whole SQLite transaction away: then only its own client fails, and the others are given back as `lost`.
   */
  #runAll(next: () => PendingTransaction | undefined): {
    executed: ExecutedTransaction[];
    lost: PendingTransaction[] | undefined;
  } {
    const { connection, clock, limits } = this.#options;
    const ran: PendingTransaction[] = [];
    const executed: ExecutedTransaction[] = [];
    const endMs = clock.monotonicMs() + limits.maxGroupMs;
    this.#beginGroup();
    connection.begin();
    let full = false;
    for (let pending = next(); pending !== undefined; pending = full ? undefined : next()) {
      try {
        executed.push(this.#run(pending));
        ran.push(pending);
      } catch (error) {
        pending.fail(asQuorateError(error));
        if (!connection.inTransaction) {
          return { executed: [], lost: this.#allOf(ran, next) };
        }
      }
      full = ran.length >= limits.maxGroupTransactions || clock.monotonicMs() > endMs || this.#isFull();
    }
    return { executed, lost: undefined };
  }

  #beginGroup(): void {
    this.#encoder.reset(this.#options.log.tip);
    this.#traced = [];
  }

  /** What a record after the one of `txId` will be. */
  recordAfter(txId = this.#options.log.tip.txId): Omit<KeyedTransaction, 'key'> {
    return { txId: txId + 1, term: this.#options.term, timeMs: Math.floor(this.#options.clock.nowMs()) };
  }

  #run(pending: PendingTransaction): ExecutedTransaction {
    const { trace } = pending;
    trace?.done('queue');
    const { connection } = this.#options;
    const run = runTransaction(connection, pending, this.recordAfter(this.#lastTxId()));
    trace?.done('execute');
    if ('repeats' in run) {
      return { pending, results: [], txId: run.repeats.txId, term: run.repeats.term };
    }
    try {
      return { pending, results: run.results, txId: this.#encode(run.captured, trace) };
    } catch (error) {
      // Its changes are in the group already, and without a record they must not stay: the others run again.
      connection.rollback();
      throw error;
    }
  }

  #isFull(): boolean {
    return this.#encoder.bytes.length >= this.#options.limits.maxGroupBytes;
  }

  /** What ran, followed by what a rerun had still to take: nothing of an earlier rerun gets lost. */
  #allOf(ran: PendingTransaction[], next: () => PendingTransaction | undefined): PendingTransaction[] {
    while (ran.length < this.#options.limits.maxGroupTransactions) {
      const pending = next();
      if (pending === undefined) {
        break;
      }
      ran.push(pending);
    }
    return ran;
  }

  /** Adds the record of a transaction, if it needs one, and returns the id that its client is told. */
  #encode(captured: CapturedTransaction, trace: WriteTrace | undefined): number {
    const { hybridClock, origin, term } = this.#options;
    const last = this.#lastTxId();
    if (captured.operations.length === 0) {
      return last;
    }
    const { timeMs, timeCounter } = hybridClock.next();
    const { operations, schemaHash } = captured;
    this.#encoder.add({ txId: last + 1, term, timeMs, timeCounter, origin, schemaHash, operations });
    if (trace !== undefined) {
      this.#traced.push({ txId: last + 1, trace });
    }
    return last + 1;
  }

  /** What the writer does for a whole group. */
  #done(step: WriteStep): void {
    for (const { trace } of this.#traced) {
      trace.done(step);
    }
  }

  #lastTxId(): number {
    return this.#options.log.tip.txId + this.#encoder.count;
  }

  /** Logs and fsyncs what ran in the open SQLite transaction, and commits it when it is held by enough replicas. */
  #persist(executed: readonly ExecutedTransaction[]): void {
    const { connection, log, clock, lease } = this.#options;
    if (!lease.isValid) {
      connection.rollback();
      return failAll(executed, leaseLost());
    }
    const logged = this.#encoder.count > 0;
    const durable = logged ? Math.max(0, ...executed.map(({ pending }) => pending.acks.durable)) : 0;
    if (logged && !(this.#append(executed, durable) && this.#makeDurable(executed))) {
      return;
    }
    this.#held = { executed, logged, txId: log.tip.txId, durable, sinceMs: clock.monotonicMs() };
    this.acknowledged();
  }

  /** Whether a group is in the log and waits for acknowledgements. Nothing else can run meanwhile. */
  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  /** To be called when acknowledgements came in or the settings changed: commits the held group if it may. */
  acknowledged(): void {
    const held = this.#held;
    const { acks, lease } = this.#options;
    if (held !== undefined) {
      if (held.logged && !lease.isValid) {
        return this.#forbid(held);
      }
      if (!acks.isDurable(held.txId, held.durable)) {
        return acks.waiting();
      }
      this.#held = undefined;
      acks.released();
      this.#timeAckWait(held);
      if (this.#commit(held.executed)) {
        this.#answers.committed(held.executed, held.logged);
      }
    }
    this.#answers.acknowledged();
  }

  /** The lease has ended: what is in the log waits for another one, or for the end of this role. */
  #forbid(held: HeldGroup): void {
    failAll(held.executed, leaseEnded(held.txId));
    this.#held = { ...held, executed: [] };
    this.#options.acks.waiting();
  }

  #timeAckWait({ durable, sinceMs }: HeldGroup): void {
    if (durable > 0) {
      const { clock, positions } = this.#options;
      positions.timings.observeMs('ackWait', sinceMs, clock.monotonicMs());
      this.#done('acks');
    }
  }

  /** What waits for replicas asks for no more than this from now on: the settings of the database changed. */
  relax(rule: AckRule): void {
    const relaxed = (transaction: ExecutedTransaction): ExecutedTransaction => {
      const { pending } = transaction;
      return { ...transaction, pending: { ...pending, acks: lowerOf(pending.acks, rule) } };
    };
    if (this.#held !== undefined) {
      const { executed, durable } = this.#held;
      const lower = Math.min(durable, rule.durable);
      this.#held = { ...this.#held, executed: executed.map(relaxed), durable: lower };
    }
    this.#answers.relax(relaxed);
    this.acknowledged();
  }

  /** Tells clients that have waited longer than `limitMs` that the outcome is not known. The group stays held. */
  expire(limitMs: number): void {
    const endMs = this.#options.clock.monotonicMs() - limitMs;
    if (this.#held !== undefined && this.#held.sinceMs <= endMs) {
      failAll(this.#held.executed, notAcknowledged(this.#held.txId, limitMs));
      this.#held = { ...this.#held, executed: [] };
    }
    this.#answers.expire(endMs, limitMs);
  }

  /** Gives up what waits for acknowledgements, because the database is closed: its clients do not learn the outcome. */
  abandon(cause: QuorateError): void {
    const waiting = [...(this.#held?.executed ?? []), ...this.#answers.takeWaiting()];
    this.#held = undefined;
    for (const { pending, txId } of waiting) {
      pending.fail(inDoubt(txId, cause));
    }
  }

  /** What replicas must have for this to go on. */
  get wish(): AckWish {
    const held = this.#held;
    return this.#wishFor(held === undefined ? noGoal : { count: held.durable, txId: held.txId });
  }

  #wishFor(durable: AckGoal): AckWish {
    return { durable, applied: this.#answers.goal };
  }

  get waitsForReplicas(): boolean {
    return this.#held !== undefined || this.#answers.areWaiting;
  }

  #append(executed: readonly ExecutedTransaction[], durable: number): boolean {
    const { connection, log, positions, onAppended } = this.#options;
    try {
      const end = this.#encoder.end;
      connection.writePosition(end);
      log.append(this.#encoder.bytes, this.#encoder.count, end);
    } catch (error) {
      connection.rollback();
      failAll(executed, asQuorateError(error));
      return false;
    }
    positions.set('tip', log.tip.txId);
    const wish = durable > 0 ? this.#wishFor({ count: durable, txId: log.tip.txId }) : undefined;
    const traced = this.#traced.map(({ txId, trace }): RecordTrace => [txId, trace.traceparent]);
    onAppended(this.#encoder.bytes, wish, traced.length === 0 ? undefined : traced);
    return true;
  }

  /** A failed fsync leaves open what is on disk: nobody is told either way, and nothing more is written. */
  #makeDurable(executed: readonly ExecutedTransaction[]): boolean {
    const { connection, log, positions, onLogFailed, clock } = this.#options;
    this.#done('group');
    const sinceMs = clock.monotonicMs();
    try {
      log.sync();
    } catch (error) {
      connection.rollback();
      failAll(executed, inDoubt(log.tip.txId, error));
      onLogFailed(asQuorateError(error));
      return false;
    }
    positions.set('durable', log.tip.txId);
    positions.timings.observeMs('fsync', sinceMs, clock.monotonicMs());
    positions.timings.observe('groupSize', executed.length);
    this.#done('fsync');
    return true;
  }

  #commit(executed: readonly ExecutedTransaction[]): boolean {
    const { connection, log, positions, onCommitFailed, term } = this.#options;
    try {
      connection.commit();
    } catch (error) {
      try {
        onCommitFailed(asQuorateError(error));
      } catch (failure) {
        failAll(executed, inDoubt(log.tip.txId, failure));
        return false;
      }
    }
    positions.set('term', term);
    positions.set('commit', log.tip.txId);
    positions.set('applied', log.tip.txId);
    countKeys(executed, positions);
    this.#done('commit');
    return true;
  }
}
