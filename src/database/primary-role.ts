import { isDeepStrictEqual } from 'node:util';
import { asQuorateError, QuorateError } from '../errors/interface.ts';
import type { TransactionLog } from '../log/interface.ts';
import type { Timer } from '../runtime/interface.ts';
import { checkKey, type PrimaryConnection } from '../sqlite/interface.ts';
import { AckMonitor } from './ack-monitor.ts';
import { type AckWish, defaultAckSettings, noGoal } from './acks.ts';
import { EndReasons } from './end-reasons.ts';
import { ImportRun } from './import-run.ts';
import { InteractiveSession } from './interactive-session.ts';
import type { PendingTransaction } from './pending-transaction.ts';
import { PrimaryPipeline } from './primary-pipeline.ts';
import { openAtLogEnd } from './recovery.ts';
import type { AckSettings } from './types.ts';
import { notBegun } from './write-errors.ts';
import { WriteTrace } from './write-trace.ts';
import type { ClientRequest, RoleSettings, TransactionWishes } from './writer-messages.ts';
import { type Queued, WriterQueue } from './writer-queue.ts';
import type { Call, WriterRole, WriterServices } from './writer-role.ts';

/** How often a database that failed tries to open itself again, in milliseconds. */
const reopenIntervalMs = 1000;

/** How often time limits are looked at while something waits for replicas, in milliseconds. */
const waitTickMs = 50;

/** A primary: runs what clients send, in groups, one interactive transaction at a time. */
export class PrimaryRole implements WriterRole {
  readonly #services: WriterServices;
  readonly #log: TransactionLog;
  readonly #term: number;
  #connection: PrimaryConnection | undefined;
  #pipeline: PrimaryPipeline | undefined;
  readonly #queue = new WriterQueue();
  #session: InteractiveSession | undefined;
  #import: ImportRun | undefined;
  #lastTransaction = 0;
  readonly #endReasons = new EndReasons();
  #failure: QuorateError | undefined;
  #fatal = false;
  #nextReopenMs = 0;
  readonly #acks: AckMonitor;
  /** The end of the log has not been acknowledged since this role began: it is not shown, and nothing is written. */
  #tailWaits = false;
  #tick: Timer | undefined;

  constructor(services: WriterServices, log: TransactionLog, settings: RoleSettings) {
    this.#services = services;
    this.#log = log;
    this.#term = settings.term;
    this.#acks = new AckMonitor({
      database: services.start.name,
      clock: services.runtime.clock,
      logger: services.runtime.logger,
      settings: settings.acks,
      onStatus: services.onAckStatus,
    });
    this.#open();
  }

  /** Opens SQLite at the end of the log; or, when that end may not be shown yet, waits with it. */
  #open(isTailCommitted = this.#isTailCommitted()): void {
    const { start, positions, hybridClock, runtime } = this.#services;
    const connection = openAtLogEnd(this.#services.file(), this.#log, start.limits, isTailCommitted);
    if (typeof connection === 'number') {
      return this.#awaitTail(connection);
    }
    this.#connection = connection;
    this.#pipeline = new PrimaryPipeline({
      connection,
      log: this.#log,
      positions,
      hybridClock,
      clock: runtime.clock,
      origin: start.origin,
      term: this.#term,
      limits: start.limits,
      acks: this.#acks,
      onAppended: this.#services.onAppended,
      onCommitFailed: (cause) => this.#reopenAfter(cause),
      onLogFailed: (cause) => this.#fail(cause, true),
    });
    positions.set('term', this.#term);
    positions.set('commit', this.#log.tip.txId);
    positions.set('applied', this.#log.tip.txId);
  }

  /**
   * Records that SQLite does not have may be unacknowledged: the node stopped while they waited. They are not to be shown
   * before enough replicas hold them (invariants I1, I2).
   */
  #isTailCommitted(): boolean {
    return this.#acks.isDurable(this.#log.tip.txId, this.#acks.rule(undefined).durable);
  }

  #awaitTail(appliedTxId: number): void {
    const { positions } = this.#services;
    this.#tailWaits = true;
    positions.set('term', this.#term);
    positions.set('commit', appliedTxId);
    positions.set('applied', appliedTxId);
    this.#acks.waiting();
    this.#startTick();
  }

  /** Takes what the replicas have. */
  acknowledge(durable: readonly number[], applied: readonly number[]): void {
    this.#acks.update({ durable, applied }, this.#log.tip.txId);
    this.#acknowledged();
  }

  /** Takes new settings. What waits now asks for no more than they do, whatever its client had asked for. */
  configureAcks(settings: AckSettings | undefined): void {
    if (!isDeepStrictEqual(settings ?? defaultAckSettings, this.#acks.settings)) {
      this.#acks.configure(settings);
      this.#pipeline?.relax(this.#acks.rule(undefined));
      this.#queue.relax(this.#acks.rule(undefined));
    }
    this.#acknowledged();
  }

  /** Goes on with what the acknowledgements allow. */
  #acknowledged(): void {
    if (this.#tailWaits && this.#isTailCommitted()) {
      this.#tailWaits = false;
      this.#acks.released();
      this.#openTail();
    }
    this.#pipeline?.acknowledged();
    this.#services.wake();
  }

  /** Nobody asked for this now, so nobody can be told but by the status; the next write tries again. */
  #openTail(): void {
    try {
      this.#open(true);
    } catch (error) {
      this.#fail(asQuorateError(error), false);
    }
  }

  get #waitsForReplicas(): boolean {
    return this.#tailWaits || this.#pipeline?.waitsForReplicas === true;
  }

  get #wish(): AckWish {
    const ofTail = { count: this.#acks.rule(undefined).durable, txId: this.#log.tip.txId };
    return this.#tailWaits || this.#pipeline === undefined ? { durable: ofTail, applied: noGoal } : this.#pipeline.wish;
  }

  /** While something waits for replicas, clients' time limits run and the database may degrade. */
  #startTick(again = false): void {
    this.#services.onAcksWanted(this.#wish, again);
    this.#tick ??= this.#services.runtime.timers.after(waitTickMs, () => {
      this.#tick = undefined;
      if (this.#waitsForReplicas) {
        this.#acks.tick(this.#log.tip.txId);
        this.#acknowledged();
        this.#pipeline?.expire(this.#acks.settings.timeoutMs);
        this.#expireQueued(this.#acks.settings.timeoutMs);
        this.#startTick(true);
      }
    });
  }

  /** Refuses requests that have waited too long behind what waits for replicas; nothing of them was begun. */
  #expireQueued(limitMs: number): void {
    this.#queue.failOlderThan(this.#services.runtime.clock.monotonicMs() - limitMs, notBegun(limitMs));
    this.#services.wake();
  }

  /** SQLite did not take a group that the log has: opening again replays it from there. Throws if that fails, too. */
  #reopenAfter(cause: QuorateError): void {
    this.#services.runtime.logger.error(
      { database: this.#services.start.name, error: cause.message },
      'SQLite refused a commit; recovering from the log',
    );
    try {
      this.#connection?.close();
      this.#connection = undefined;
      this.#open(true);
    } catch (error) {
      this.#fail(asQuorateError(error), false);
      throw error;
    }
  }

  #fail(failure: QuorateError, fatal: boolean): void {
    this.#failure = failure;
    this.#fatal = fatal;
    this.#nextReopenMs = this.#services.runtime.clock.monotonicMs() + reopenIntervalMs;
    this.#services.onFailure(failure);
  }

  /** A database that failed refuses writes; from time to time a write makes it try to open again. */
  #ensureOpen(): PrimaryConnection {
    const { runtime, onFailure } = this.#services;
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

  accept(call: Call<ClientRequest>): void {
    const { request } = call;
    switch (request[0]) {
      case 'transact': {
        const pending = this.#pendingOf(call, request[2], request[3], request[4]);
        return this.#enqueue({ kind: 'transact', pending, sinceMs: pending.sinceMs });
      }
      case 'begin':
        return this.#enqueue({
          kind: 'begin',
          call,
          foreignKeys: request[2],
          sinceMs: this.#services.runtime.clock.monotonicMs(),
        });
      case 'run':
        return call.succeed(this.#sessionOf(request[2]).run(request[3], request[4]));
      case 'describe':
        return call.succeed(this.#sessionOf(request[2]).describe(request[3]));
      case 'commit':
        return this.#sessionOf(request[2]).commit(this.#pendingOf(call, [], false, { trace: request[3] }));
      case 'rollback':
        this.#sessionOf(request[2]).abort(undefined);
        return call.succeed(undefined);
    }
  }

  #enqueue(entry: Queued): void {
    this.#queue.push(entry);
    this.#services.wake();
  }

  #sessionOf(id: number): InteractiveSession {
    if (this.#session?.id === id) {
      return this.#session;
    }
    throw this.#endReasons.take(id);
  }

  /** Whether nothing can run until replicas, or those who wait for a marker, let it go on. */
  get #stands(): boolean {
    return this.#tailWaits || this.#pipeline?.isHeld === true || this.#services.markers.isHeld;
  }

  work(): boolean {
    if (this.#waitsForReplicas) {
      this.#startTick();
    }
    if (this.#stands) {
      return false;
    }
    if (this.#import !== undefined) {
      this.#importChunk(this.#import);
      return true;
    }
    if (this.#session !== undefined || this.#queue.isEmpty) {
      return false;
    }
    const { first } = this.#queue;
    try {
      const connection = this.#ensureOpen();
      if (first?.kind === 'begin') {
        this.#begin(connection, first);
        this.#queue.shift();
      } else if (first?.kind === 'marker') {
        this.#pipeline?.commitMarker(first.marker, this.#services.markers, first.call);
        this.#queue.shift();
      } else {
        this.#pipeline?.runGroup(() => this.#queue.shiftTransaction());
      }
    } catch (error) {
      this.#connection?.rollback();
      this.#queue.failAll(asQuorateError(error));
    }
    if (this.#waitsForReplicas) {
      this.#startTick();
    }
    return this.#session === undefined && !this.#stands && !this.#queue.isEmpty;
  }

  #begin(connection: PrimaryConnection, { call, foreignKeys }: Extract<Queued, { kind: 'begin' }>): void {
    this.#lastTransaction += 1;
    const id = this.#lastTransaction;
    const pipeline = this.#pipeline;
    if (pipeline === undefined) {
      throw new QuorateError('UNAVAILABLE', 'the database is closed');
    }
    this.#session = new InteractiveSession({
      id,
      connection,
      foreignKeys,
      pipeline,
      timers: this.#services.runtime.timers,
      limits: this.#services.start.limits,
      onEnd: (reason) => this.#endSession(id, reason),
    });
    call.succeed(id);
  }

  #endSession(id: number, reason: QuorateError | undefined): void {
    this.#session = undefined;
    if (reason !== undefined) {
      this.#endReasons.note(id, reason);
    }
    this.#services.wake();
  }

  /** Writes a record that changes nothing, in its turn. Answers when SQLite has committed it and nothing after it. */
  writeMarker(marker: Uint8Array, call: Call): void {
    this.#enqueue({ kind: 'marker', marker, call, sinceMs: this.#services.runtime.clock.monotonicMs() });
  }

  /** Copies a SQLite file through the pipeline, so that replicas receive it like any write. Other writes wait meanwhile. */
  importFrom(sourcePath: string, call: Call): void {
    if (this.#session !== undefined || this.#import !== undefined) {
      throw new QuorateError('OVERLOADED', 'a transaction or an import holds the writer', {
        hint: 'Import again when it has ended.',
      });
    }
    this.#import = new ImportRun(this.#ensureOpen(), sourcePath, call);
    this.#services.wake();
  }

  /** Logs and commits one chunk of the running import. */
  #importChunk(running: ImportRun): void {
    const fail = (error: QuorateError) => {
      throw error;
    };
    const reply = { acks: this.#acks.rule(undefined), succeed: () => {}, fail };
    const goesOn = running.step((captured) => {
      this.#services.requireRoom();
      this.#pipeline?.commitAlone(captured, reply);
    });
    this.#import = goesOn ? running : undefined;
  }

  /** Not while a SQLite transaction is open. */
  checkpoint(): number | undefined {
    const isBusy = this.#tailWaits || this.#session !== undefined || this.#pipeline?.isHeld !== false;
    if (isBusy || this.#connection === undefined || this.#failure !== undefined) {
      return undefined;
    }
    const applied = this.#services.positions.get('applied');
    return this.#connection.checkpoint('passive').complete ? applied : undefined;
  }

  holdCheckpoints(held: boolean): void {
    this.#connection?.holdCheckpoints(held);
  }

  close(): void {
    const closing = new QuorateError('CANCELLED', 'the database is being closed or changes its role', {
      hint: 'Send the write again when the database is open; nothing of it was done.',
    });
    this.#tick?.cancel();
    this.#session?.abort(closing);
    this.#pipeline?.abandon(closing);
    this.#import?.abort(closing);
    this.#import = undefined;
    this.#queue.failAll(closing);
    this.#connection?.close();
    this.#connection = undefined;
  }

  #pendingOf(
    call: Call,
    statements: PendingTransaction['statements'],
    bigint: boolean,
    { acks, key, trace: traceparent }: TransactionWishes = {},
  ): PendingTransaction & { readonly sinceMs: number } {
    if (key !== undefined) {
      checkKey(key);
    }
    const succeed: PendingTransaction['succeed'] = (...answer) => call.succeed(answer);
    const { clock } = this.#services.runtime;
    const sinceMs = clock.monotonicMs();
    const rule = this.#acks.rule(acks);
    const trace = traceparent === undefined ? undefined : new WriteTrace(traceparent, clock);
    return { statements, bigint, key, acks: rule, trace, sinceMs, succeed, fail: (error) => call.fail(error) };
  }
}
