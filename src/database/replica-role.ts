import path from 'node:path';
import { asQuorateError, QuorateError } from '../errors/interface.ts';
import type { TransactionLog } from '../log/interface.ts';
import type { Timer } from '../runtime/interface.ts';
import { ReplicaConnection } from '../sqlite/interface.ts';
import { CommitMark } from './commit-mark.ts';
import { syncContent } from './content-sync.ts';
import { logEnds } from './log-ends.ts';
import { checkAgainstLog } from './recovery.ts';
import { rejoin } from './rejoin.ts';
import { repair } from './repair.ts';
import { ReplicaPipeline } from './replica-pipeline.ts';
import { ReplicaTraces } from './replica-traces.ts';
import { type RecordSaving, type SavedRecords, saveRecords } from './saved-records.ts';
import { staleTerm } from './terms.ts';
import { Tolerance } from './tolerance.ts';
import type { LogEnds, RejoinReport, RejoinRequest, RepairPhase, RepairReport, RepairRequest } from './types.ts';
import type { AppendRequest, ClientRequest, ReplicaRequest, RoleSettings } from './writer-messages.ts';
import type { Call, WriterRole, WriterServices } from './writer-role.ts';

/** How long applying waits after a condition of the machine (a full disk, a lock) stopped it, in milliseconds. */
const applyRetryMs = 1000;

/** How long a delayed replica sleeps at most before it looks at the clock again, which may have been set, in milliseconds. */
const longestDelayMs = 60_000;

/** A replica: refuses clients' writes, logs and applies what its upstream sends. */
export class ReplicaRole implements WriterRole {
  readonly #services: WriterServices;
  readonly #primary: string;
  readonly #connection: ReplicaConnection;
  #log: TransactionLog | undefined;
  #pipeline: ReplicaPipeline | undefined;
  readonly #delayMs: number;
  readonly #mark: CommitMark;
  #retry: Timer | undefined;
  #due: Timer | undefined;
  #rest: Timer | undefined;
  #failing = false;
  /** Wakes this role when whoever repairs it has gone. */
  #lease: Timer | undefined;
  readonly #tolerance: Tolerance;
  readonly #traces: ReplicaTraces;

  constructor(services: WriterServices, log: TransactionLog | undefined, settings: RoleSettings) {
    this.#services = services;
    this.#primary = settings.primary;
    this.#delayMs = settings.delayMs ?? 0;
    this.#mark = new CommitMark(services.runtime.files, services.runtime.clock, path.dirname(services.file()));
    const { files, clock } = services.runtime;
    this.#tolerance = new Tolerance({ files, clock, directory: this.#databaseDirectory });
    this.#traces = new ReplicaTraces(services.start.name, clock, services.onTraced, () =>
      services.positions.add('tracesNotFollowed', 1),
    );
    this.#connection = ReplicaConnection.open(services.file());
    try {
      if (log !== undefined) {
        this.useLog(log, settings.hasCommittedAll);
      }
    } catch (error) {
      this.#connection.close();
      throw error;
    }
  }

  /** Starts following into this log, of which all may be known to be committed. */
  useLog(log: TransactionLog, isCommitted = false): void {
    const { positions, start, onAppended, onDurable, markers, runtime } = this.#services;
    const applied = this.#connection.readPosition();
    checkAgainstLog(applied, log);
    this.#log = log;
    this.#traces.clear();
    positions.set('applied', applied.txId);
    positions.set('appliedBytes', log.recordBytesAt(applied.txId));
    // What was known to be committed stays so, whoever is followed next.
    const known = isCommitted ? log.tip.txId : Math.min(positions.get('commit'), log.tip.txId);
    positions.set('commit', Math.max(applied.txId, known, this.#mark.read(log)));
    if (isCommitted) {
      // Another start must not take it for what an upstream may have lost: what goes of it is to be saved.
      this.#mark.write(log, known);
    }
    this.#pipeline = new ReplicaPipeline({
      connection: this.#connection,
      log,
      positions,
      limits: start.limits,
      onAppended,
      onDurable,
      markers,
      clock: runtime.clock,
      delayMs: this.#delayMs,
      tolerance: this.#tolerance,
      traces: this.#traces,
    });
    this.#services.wake();
  }

  #following(): ReplicaPipeline {
    if (this.#pipeline === undefined) {
      throw new QuorateError('PROTOCOL_ERROR', 'the replica has no log yet');
    }
    return this.#pipeline;
  }

  accept(call: Call<ClientRequest>): void {
    const { name } = this.#services.start;
    const where = this.#primary === '' ? 'its primary' : `the primary ${this.#primary}`;
    call.fail(
      new QuorateError('READ_ONLY_REPLICA', `database ${name} is a replica; ${where} accepts writes`, {
        hint: `Send writes to ${where}. Reads work here.`,
        details: { primary: this.#primary },
      }),
    );
  }

  append([, , records, commitTxId, awaited, term, traces]: AppendRequest, call: Call): void {
    this.#requireTerm(term);
    const traced = this.#traces.arrived(traces);
    this.#following().append(
      { records, awaited, term, traced, done: () => call.succeed(undefined), fail: (error) => call.fail(error) },
      commitTxId,
    );
  }

  /** What has arrived and is not logged yet must not come from a primary of a lower term than was promised. */
  promised(): void {
    const promisedTerm = this.#services.positions.get('promised');
    this.#pipeline?.failArrivals((term) => (term < promisedTerm ? staleTerm(term, promisedTerm) : undefined));
  }

  /** @throws QuorateError STALE_TERM for the primary of a lower term than was promised */
  #requireTerm(term: number): void {
    const promisedTerm = this.#services.positions.get('promised');
    if (term < promisedTerm) {
      throw staleTerm(term, promisedTerm);
    }
  }

  /** What whoever feeds this replica asks, or mends it. */
  control(request: ReplicaRequest): LogEnds | RejoinReport | SavedRecords | RepairReport | undefined {
    switch (request[0]) {
      case 'ends':
        return this.#ends();
      case 'commit-to':
        this.#requireTerm(request[3]);
        this.#pipeline?.commitTo(request[2]);
        this.#services.wake();
        return undefined;
      case 'truncate':
        this.#requireTerm(request[3]);
        this.#syncContent();
        this.#following().truncateAfter(request[2]);
        this.#services.onTruncated();
        return undefined;
      case 'rejoin':
        return this.#rejoin(request[2]);
      case 'save-records':
        // Something else takes their place, and nobody can tell which of them it has, too.
        return saveRecords(this.#saving(), undefined);
      case 'repair':
        return this.#repair(request[2]);
      case 'repair-phase':
        return this.#repairIs(request[2]);
    }
  }

  /** Goes back to the last transaction in common with the upstream, or tells that only a snapshot helps. */
  #rejoin(request: RejoinRequest): RejoinReport {
    const { positions, onFailure } = this.#services;
    const saving = this.#saving();
    const { log } = saving;
    const report = rejoin(saving, request, () => this.#syncContent());
    if (!report.snapshot) {
      positions.set('tip', log.tip.txId);
      positions.set('durable', log.tip.txId);
      this.useLog(log);
      this.#failing = false;
      onFailure(undefined);
    }
    return report;
  }

  #syncContent(): void {
    const { runtime, file } = this.#services;
    syncContent(runtime.files, file());
  }

  #saving(): RecordSaving {
    const { runtime, start } = this.#services;
    const { files, clock } = runtime;
    if (this.#log === undefined) {
      throw new QuorateError('PROTOCOL_ERROR', 'the replica has no log yet');
    }
    const { name } = start;
    return { connection: this.#connection, log: this.#log, files, clock, name, directory: this.#databaseDirectory };
  }

  /** Lets applying go on over wrong rows, or ends that; the end fails when something wrong may be left. */
  #repairIs(phase: RepairPhase): undefined {
    const { runtime, onFailure, wake } = this.#services;
    const pipeline = this.#following();
    this.#lease?.cancel();
    if (phase === 'goes-on') {
      // Comes back when nothing is heard any more, also if nobody writes.
      this.#lease = runtime.timers.after(this.#tolerance.renew(), wake);
      pipeline.forgive();
      this.#failing = false;
      onFailure(undefined);
    } else {
      try {
        pipeline.endRepair(phase === 'equal');
      } catch (error) {
        this.#stumbled(asQuorateError(error), pipeline);
      }
    }
    wake();
  }

  /** Gives rows the content that they have on the upstream. */
  #repair(request: RepairRequest): RepairReport {
    const { files, clock } = this.#services.runtime;
    return repair({ connection: this.#connection, files, clock, directory: this.#databaseDirectory, request });
  }

  /** The folder of the database, which stays when its content is exchanged. */
  get #databaseDirectory(): string {
    return path.dirname(this.#services.start.directory);
  }

  /** What its upstream is told when it connects. */
  #ends(): LogEnds {
    if (this.#log === undefined) {
      const nothing = { txId: 0, term: 0, hash: new Uint8Array(32) };
      return { durable: nothing, committed: nothing, between: [] };
    }
    return logEnds(this.#log, this.#services.positions.get('commit'));
  }

  work(): boolean {
    const pipeline = this.#pipeline;
    if (pipeline === undefined) {
      return false;
    }
    try {
      pipeline.step();
      this.#markCommit();
      if (pipeline.failure === undefined) {
        this.#recovered();
      }
    } catch (error) {
      this.#stumbled(asQuorateError(error), pipeline);
      return false;
    }
    this.#wakeWhenDue(pipeline);
    return pipeline.hasWork;
  }

  #markCommit(): void {
    if (this.#delayMs > 0 && this.#log !== undefined) {
      this.#mark.note(this.#log, this.#services.positions.get('commit'));
    }
  }

  #keepMark(): void {
    const { positions, runtime, start } = this.#services;
    try {
      if (this.#delayMs > 0 && this.#log !== undefined) {
        this.#mark.write(this.#log, positions.get('commit'));
      }
    } catch (error) {
      // Nothing is wrong with the data: the upstream will say again what is committed.
      const { message } = asQuorateError(error);
      runtime.logger.warn({ database: start.name, error: message }, 'the committed position was not kept');
    }
  }

  /** Comes back when applying has rested, or when the next record of a delayed replica is old enough. */
  #wakeWhenDue({ nextDueAtMs, restMs }: ReplicaPipeline): void {
    const { runtime, wake } = this.#services;
    this.#due?.cancel();
    this.#due = undefined;
    if (nextDueAtMs !== undefined) {
      const waitMs = Math.ceil(nextDueAtMs - runtime.clock.nowMs());
      this.#due = runtime.timers.after(Math.min(Math.max(waitMs, 1), longestDelayMs), wake);
    }
    if (restMs > 0) {
      this.#rest ??= runtime.timers.after(Math.ceil(restMs), () => {
        this.#rest = undefined;
        wake();
      });
    }
  }

  #recovered(): void {
    if (this.#failing) {
      this.#failing = false;
      this.#services.onFailure(undefined);
    }
  }

  /** Says why applying stopped; a condition that may pass is tried again. */
  #stumbled(error: QuorateError, pipeline: ReplicaPipeline): void {
    const { runtime, onFailure, wake, start } = this.#services;
    this.#failing = true;
    runtime.logger.error({ database: start.name, code: error.code, error: error.message }, 'cannot apply');
    onFailure(error);
    if (pipeline.failure === undefined) {
      this.#retry?.cancel();
      this.#retry = runtime.timers.after(applyRetryMs, wake);
    }
  }

  checkpoint(): number | undefined {
    const applied = this.#services.positions.get('applied');
    return this.#connection.checkpoint('passive').complete ? applied : undefined;
  }

  holdCheckpoints(held: boolean): void {
    this.#connection.holdCheckpoints(held);
  }

  close(reason = new QuorateError('CANCELLED', 'the database is being closed')): void {
    this.#retry?.cancel();
    this.#due?.cancel();
    this.#rest?.cancel();
    this.#lease?.cancel();
    this.#keepMark();
    this.#pipeline?.failArrivals(() => reason);
    this.#services.positions.set('unappliedBytes', 0);
    this.#connection.close();
  }
}
