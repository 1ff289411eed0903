import { isDeepStrictEqual } from 'node:util';
import { asQuorateError, QuorateError } from '../errors/interface.ts';
import type { TransactionLog } from '../log/interface.ts';
import type { Timer } from '../runtime/interface.ts';
import { checkKey, type PrimaryConnection } from '../sqlite/interface.ts';
import { AckMonitor } from './ack-monitor.ts';
import { defaultAckSettings } from './acks.ts';
import { EndReasons } from './end-reasons.ts';
import { ImportRun } from './import-run.ts';
import { InteractiveSession } from './interactive-session.ts';
import { Lease, leaseLost } from './lease.ts';
import type { PendingTransaction } from './pending-transaction.ts';
import { PrimaryStore } from './primary-store.ts';
import { startTerm } from './term-start.ts';
import type { AckSettings } from './types.ts';
import { notBegun } from './write-errors.ts';
import { type PauseLimits, WritePause } from './write-pause.ts';
import { WriteTrace } from './write-trace.ts';
import type { ClientRequest, PrimaryRequest, RoleSettings, TransactionWishes } from './writer-messages.ts';
import { type Queued, WriterQueue } from './writer-queue.ts';
import type { Call, WriterRole, WriterServices } from './writer-role.ts';

/** How often time limits are looked at while something waits for replicas, in milliseconds. */
const waitTickMs = 50;

/** A primary: runs what clients send, in groups, one interactive transaction at a time. */
export class PrimaryRole implements WriterRole {
  readonly #services: WriterServices;
  readonly #log: TransactionLog;
  readonly #store: PrimaryStore;
  readonly #queue = new WriterQueue();
  #session: InteractiveSession | undefined;
  #import: ImportRun | undefined;
  #lastTransaction = 0;
  readonly #endReasons = new EndReasons();
  readonly #acks: AckMonitor;
  readonly #lease: Lease;
  readonly #pause: WritePause;
  #tick: Timer | undefined;

  constructor(services: WriterServices, log: TransactionLog, settings: RoleSettings) {
    this.#services = services;
    this.#log = log;
    this.#acks = new AckMonitor({
      database: services.start.name,
      clock: services.runtime.clock,
      logger: services.runtime.logger,
      settings: settings.acks,
      onStatus: services.onAckStatus,
    });
    this.#lease = new Lease(services.positions, services.runtime.clock);
    this.#pause = new WritePause(services.runtime.timers);
    this.#startTerm(settings);
    this.#store = new PrimaryStore({ services, log, term: settings.term, acks: this.#acks, lease: this.#lease });
    if (this.#store.waitsForReplicas) {
      this.#startTick();
    }
  }

  /** Begins the term, also where a crash came between the settings that say so and the log. A new database begins without. */
  #startTerm({ term, beginsTerm = false }: RoleSettings): void {
    const { tip } = this.#log;
    if (beginsTerm || (tip.txId > 0 && tip.term < term)) {
      startTerm(this.#services, { log: this.#log, term, acks: this.#acks.rule(undefined).durable });
    }
  }

  /** Takes what the replicas have. */
  acknowledge(durable: readonly number[], applied: readonly number[]): void {
    this.#acks.update({ durable, applied }, this.#log.tip.txId);
    this.#acknowledged();
  }

  /** What its node asks of a primary. */
  control(request: PrimaryRequest, call: Call): void {
    switch (request[0]) {
      case 'set-acks':
        this.#configureAcks(request[2]);
        return call.succeed(undefined);
      case 'import':
        return this.#importFrom(request[2], call);
      case 'write-marker':
        return this.#writeMarker(request[2], call);
      case 'pause-writes':
        return this.#pauseWrites({ limitMs: request[2], until: request[3] }, call);
      case 'resume-writes':
        this.#resumeWrites();
        return call.succeed(undefined);
    }
  }

  /** Takes new settings. What waits now asks for no more than they do, whatever its client had asked for. */
  #configureAcks(settings: AckSettings | undefined): void {
    if (!isDeepStrictEqual(settings ?? defaultAckSettings, this.#acks.settings)) {
      this.#acks.configure(settings);
      this.#store.pipeline?.relax(this.#acks.rule(undefined));
      this.#queue.relax(this.#acks.rule(undefined));
    }
    this.#acknowledged();
  }

  /** Goes on with what the acknowledgements allow. */
  #acknowledged(): void {
    this.#store.acknowledged();
    this.#services.wake();
  }

  /** While something waits for replicas, clients' time limits run and the database may degrade. */
  #startTick(again = false): void {
    this.#services.onAcksWanted(this.#store.wish, again);
    this.#tick ??= this.#services.runtime.timers.after(waitTickMs, () => {
      this.#tick = undefined;
      if (this.#waits) {
        this.#acks.tick(this.#log.tip.txId);
        this.#acknowledged();
        this.#store.pipeline?.expire(this.#acks.settings.timeoutMs);
        this.#expireQueued(this.#acks.settings.timeoutMs);
        this.#startTick(true);
      }
    });
  }

  /** Whether time limits have to be looked at. */
  get #waits(): boolean {
    return this.#store.waitsForReplicas || this.#pause.isOn;
  }

  /** Refuses requests that have waited too long behind what waits for replicas; nothing of them was begun. */
  #expireQueued(limitMs: number): void {
    if (!this.#lease.isValid) {
      this.#queue.failAll(leaseLost());
    }
    const expired = notBegun(limitMs, this.#store.waitsForReplicas);
    this.#queue.failOlderThan(this.#services.runtime.clock.monotonicMs() - limitMs, expired);
    this.#services.wake();
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
        this.#lease.check();
        return call.succeed(this.#sessionOf(request[2]).run(request[3], request[4]));
      case 'describe':
        return call.succeed(this.#sessionOf(request[2]).describe(request[3]));
      case 'commit':
        return this.#sessionOf(request[2]).commit(this.#pendingOf(call, [], false, request[3]));
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
    return this.#store.stands || this.#services.markers.isHeld;
  }

  work(): boolean {
    if (this.#waits) {
      this.#startTick();
    }
    if (this.#store.stands && this.#session === undefined) {
      this.#settlePause();
    }
    if (this.#stands) {
      return false;
    }
    if (this.#import !== undefined) {
      this.#importChunk(this.#import);
      return true;
    }
    if (this.#session !== undefined) {
      return false;
    }
    if (this.#pause.isOn) {
      this.#settlePause();
      return false;
    }
    if (!this.#queue.isEmpty) {
      this.#runFirst();
    }
    if (this.#waits) {
      this.#startTick();
    }
    return this.#session === undefined && !this.#stands && !this.#queue.isEmpty;
  }

  #runFirst(): void {
    const { first } = this.#queue;
    try {
      this.#lease.check();
      const connection = this.#store.ensureOpen();
      const { pipeline } = this.#store;
      if (first?.kind === 'begin') {
        this.#begin(connection, first);
        this.#queue.shift();
      } else if (first?.kind === 'marker') {
        pipeline?.commitMarker(first.marker, this.#services.markers, first.call);
        this.#queue.shift();
      } else {
        pipeline?.runGroup(() => this.#queue.shiftTransaction());
      }
    } catch (error) {
      this.#store.connection?.rollback();
      this.#queue.failAll(asQuorateError(error));
    }
  }

  #begin(connection: PrimaryConnection, { call, foreignKeys }: Extract<Queued, { kind: 'begin' }>): void {
    this.#lastTransaction += 1;
    const id = this.#lastTransaction;
    const { pipeline } = this.#store;
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
  #writeMarker(marker: Uint8Array, call: Call): void {
    this.#enqueue({ kind: 'marker', marker, call, sinceMs: this.#services.runtime.clock.monotonicMs() });
  }

  /** Copies a SQLite file through the pipeline, so that replicas receive it like any write. Other writes wait meanwhile. */
  #importFrom(sourcePath: string, call: Call): void {
    if (this.#session !== undefined || this.#import !== undefined || this.#pause.isOn) {
      throw new QuorateError('OVERLOADED', 'a transaction, an import or a pause holds the writer', {
        hint: 'Import again when it has ended.',
      });
    }
    this.#import = new ImportRun(this.#store.ensureOpen(), sourcePath, call);
    this.#services.wake();
  }

  /** Logs and commits one chunk of the running import. */
  #importChunk(running: ImportRun): void {
    const fail = (error: QuorateError) => {
      this.#import = undefined;
      running.abort(error);
    };
    const reply = { acks: this.#acks.rule(undefined), succeed: () => {}, fail };
    const goesOn = running.step((captured) => {
      this.#services.requireRoom();
      this.#store.pipeline?.commitAlone(captured, reply);
    });
    if (!goesOn) {
      this.#import = undefined;
    }
  }

  /**
   * Begins nothing new from now on; the call is answered when all that was begun is committed, or logged. A transaction over several
   * requests may end within the time limit and is rolled back after it.
   */
  #pauseWrites(limits: PauseLimits, call: Call): void {
    if (this.#import !== undefined) {
      throw new QuorateError('OVERLOADED', 'an import holds the writer', { hint: 'Try again when it has ended.' });
    }
    this.#pause.begin(limits, call, () => this.#limitPause(limits.limitMs));
    this.#services.wake();
  }

  #limitPause(limitMs: number): void {
    this.#session?.abort(
      new QuorateError('STEPPED_DOWN', 'the transaction was rolled back: another node is about to become primary', {
        hint: 'Begin it again; nothing of it was done.',
      }),
    );
    if (this.#store.waitsForReplicas) {
      const message = `the replicas did not acknowledge everything within ${limitMs} ms; writes go on`;
      this.#pause.end(new QuorateError('QUORUM_UNAVAILABLE', message, { hint: 'See the status for the replicas.' }));
    }
    this.#services.wake();
  }

  /** Nothing runs; what was begun is committed and shown by replicas as asked, or waits for them. */
  #settlePause(): void {
    if (this.#pause.isAwaited(this.#store.waitsForReplicas ? 'logged' : 'committed')) {
      this.#pause.settle(this.#log.tip);
    }
  }

  #resumeWrites(): void {
    this.#pause.end(new QuorateError('CANCELLED', 'writes were let go on again'));
    this.#services.wake();
  }

  /** Not while a SQLite transaction is open. */
  checkpoint(): number | undefined {
    return this.#session === undefined ? this.#store.checkpoint() : undefined;
  }

  holdCheckpoints(held: boolean): void {
    this.#store.connection?.holdCheckpoints(held);
  }

  close(reason = closing()): void {
    this.#tick?.cancel();
    this.#session?.abort(reason);
    this.#store.pipeline?.abandon(reason);
    this.#import?.abort(reason);
    this.#import = undefined;
    this.#queue.failAll(reason);
    this.#pause.end(reason);
    this.#store.close();
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

function closing(): QuorateError {
  return new QuorateError('CANCELLED', 'the database is being closed', {
    hint: 'Send the write again when the database is open; nothing of it was done.',
  });
}
