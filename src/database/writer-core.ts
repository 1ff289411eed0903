import { asQuorateError, assertInvariant, QuorateError } from '../errors/interface.ts';
import { TransactionLog } from '../log/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import { logPath, sqlitePath } from './content-directory.ts';
import { DiskFloor } from './disk-floor.ts';
import { failureOf } from './failure.ts';
import { HybridClock } from './hybrid-clock.ts';
import { LogRetention } from './log-retention.ts';
import { MarkerWatch } from './marker-watch.ts';
import { PrimaryRole } from './primary-role.ts';
import { ReplicaRole } from './replica-role.ts';
import { SharedPositions } from './shared-positions.ts';
import type {
  ClientRequest,
  ControlRequest,
  RoleSettings,
  WriterPort,
  WriterReply,
  WriterRequest,
  WriterStart,
} from './writer-messages.ts';
import { WriterOutbox } from './writer-outbox.ts';
import type { Call, WriterServices } from './writer-role.ts';

/** How much of the next log segment is made ready in one turn: little enough that no commit waits for it, in bytes. */
const preparationBytes = 1024 * 1024;

/** How often the log of a database that does nothing is looked at, in milliseconds. */
const idleRetentionMs = 60_000;

/**
 * All that happens on the writer thread of one database. It owns the log and the only writing SQLite connection, plays
 * the database's role, and speaks with the node and with clients through ports.
 */
export class WriterCore {
  readonly #services: WriterServices;
  readonly #host: WriterPort;
  readonly #schedule: (work: () => void) => void;
  #log: TransactionLog | undefined;
  #role: PrimaryRole | ReplicaRole | undefined;
  #streaming = false;
  #scheduled = false;
  /** In `#work`, which ends with `flush`: answers made there need no turn of their own. */
  #working = false;
  readonly #outbox: WriterOutbox;
  #stopped = false;
  #acksWanted = false;
  #directory: string;
  readonly #retention: LogRetention;
  readonly #floor: DiskFloor;

  /** `schedule` runs a function after the messages that have arrived by now. */
  constructor(runtime: Runtime, start: WriterStart, host: WriterPort, schedule: (work: () => void) => void) {
    this.#host = host;
    this.#outbox = new WriterOutbox(host);
    this.#schedule = schedule;
    this.#directory = start.directory;
    const { clock, files, logger } = runtime;
    const { limits, neededFrom, name: database } = start;
    this.#retention = new LogRetention({ database, clock, logger, limits, neededFrom });
    this.#floor = new DiskFloor({ files, clock, directory: start.directory, minFreeBytes: limits.minFreeBytes });
    this.#services = {
      runtime,
      start,
      file: () => sqlitePath(this.#directory),
      positions: new SharedPositions(start.positions),
      hybridClock: new HybridClock(runtime.clock),
      markers: new MarkerWatch({
        timers: runtime.timers,
        onReached: (marker, txId) => this.#outbox.emit(['at-marker', marker, txId]),
        onReleased: () => this.#wake(),
      }),
      wake: () => this.#wake(),
      requireRoom: () => this.#floor.check(),
      onAppended: (records, urgent = false) => this.#emitAppended(records, urgent),
      onFailure: (failure) => this.#emitFailure(failure),
      onAckStatus: (status) => this.#outbox.emit(['ack-status', status]),
      onAcksWanted: () => this.#wantAcks(),
    };
  }

  /** Opens log and SQLite and recovers. @throws QuorateError LOG_CORRUPT, DATABASE_CORRUPT, IO_ERROR, DISK_FULL */
  open(): void {
    this.#openContent(this.#services.start.role);
    this.#listen(this.#host);
    // The node must know the identity of its database before anybody asks for anything: nobody can follow it otherwise.
    this.#outbox.flush();
    this.#retainWhileIdle();
  }

  #openContent(role: RoleSettings): void {
    const { runtime, start } = this.#services;
    const directory = this.#logDirectory;
    if (TransactionLog.exists(runtime.files, directory)) {
      const { log, report } = TransactionLog.open(runtime.files, directory, {
        segmentSizeBytes: start.limits.logSegmentBytes,
      });
      if (report.cutBytes > 0) {
        runtime.logger.warn(
          { database: start.name, cutBytes: report.cutBytes },
          'cut an incomplete frame at the end of the log',
        );
      }
      this.#useLog(log);
    } else if (role.role === 'primary') {
      this.#createLog(runtime.random.bytes(16));
    }
    this.#takeRole(role);
  }

  /** Goes on with the content of another folder. */
  #setContent(directory: string, content: number, role: RoleSettings): void {
    this.#role?.close();
    this.#role = undefined;
    this.#log?.close();
    this.#log = undefined;
    this.#directory = directory;
    // Before the positions move: who sees the new ones must read the new file.
    this.#services.positions.set('content', content);
    this.#openContent(role);
  }

  #retainWhileIdle(): void {
    this.#services.runtime.timers.after(idleRetentionMs, () => {
      if (!this.#stopped) {
        this.#wake();
        this.#retainWhileIdle();
      }
    });
  }

  /** Drops what the log need not keep. What goes wrong with that must not hold up the writes. */
  #retain(): void {
    const log = this.#log;
    const role = this.#role;
    if (log === undefined || role === undefined) {
      return;
    }
    try {
      this.#retention.step(log, () => role.checkpoint());
    } catch (error) {
      const { runtime, start } = this.#services;
      runtime.logger.warn({ database: start.name, error: String(error) }, 'cannot drop old segments of the log');
    }
    this.#services.positions.set('logFirst', log.firstTxId);
  }

  get #logDirectory(): string {
    return logPath(this.#directory);
  }

  #createLog(databaseId: Uint8Array): void {
    const { runtime, start } = this.#services;
    const options = { segmentSizeBytes: start.limits.logSegmentBytes };
    this.#useLog(TransactionLog.create(runtime.files, this.#logDirectory, databaseId, options));
  }

  #useLog(log: TransactionLog): void {
    const { positions, runtime } = this.#services;
    // A process that was killed may have made the folder of the log without making it durable.
    runtime.files.syncDirectorySync(this.#directory);
    this.#log = log;
    positions.set('tip', log.tip.txId);
    positions.set('durable', log.tip.txId);
    positions.set('term', log.tip.term);
    positions.set('logFirst', log.firstTxId);
    positions.set('logBytes', log.sizeBytes);
    this.#observeTimeOfTip(log);
    this.#outbox.emit(['log-opened', log.databaseId]);
  }

  /** New records must be later than those in the log, even when the wall clock was set back meanwhile. */
  #observeTimeOfTip(log: TransactionLog): void {
    if (log.tip.txId >= log.firstTxId) {
      for (const record of log.records(log.tip.txId)) {
        this.#services.hybridClock.observe(record);
      }
    }
  }

  #takeRole(settings: RoleSettings): void {
    this.#role?.close();
    this.#role = undefined;
    this.#services.markers.clear();
    this.#acksWanted = false;
    if (settings.role === 'primary') {
      if (this.#log === undefined) {
        this.#createLog(this.#services.runtime.random.bytes(16));
      }
      assertInvariant(this.#log !== undefined, 'a primary has a log');
      this.#role = new PrimaryRole(this.#services, this.#log, settings);
    } else {
      this.#role = new ReplicaRole(this.#services, this.#log, settings);
    }
  }

  #listen(port: WriterPort): void {
    port.onMessage((message) => {
      for (const request of message as WriterRequest[]) {
        this.#dispatch(request, port);
      }
      this.#outbox.flush();
    });
  }

  #dispatch(request: WriterRequest, port: WriterPort): void {
    const call: Call = {
      request,
      succeed: (value) => this.#reply(port, [request[1], null, value]),
      fail: (error) => this.#reply(port, [request[1], error.serialize()]),
    };
    try {
      if (isClientRequest(request)) {
        this.#acceptClient(call as Call<ClientRequest>);
      } else {
        this.#control(request, call);
      }
    } catch (error) {
      call.fail(asQuorateError(error));
    }
  }

  #acceptClient(call: Call<ClientRequest>): void {
    if (this.#role === undefined) {
      throw new QuorateError('UNAVAILABLE', `database ${this.#services.start.name} is not open for writing`, {
        hint: 'See its status for the reason.',
      });
    }
    if (startsWrite(call.request)) {
      this.#floor.check();
    }
    this.#role.accept(call);
  }

  #control(request: ControlRequest, call: Call): void {
    switch (request[0]) {
      case 'attach':
        this.#listen(request[2] as WriterPort);
        return call.succeed(undefined);
      case 'set-role':
        this.#takeRole(request[2]);
        return call.succeed(undefined);
      case 'stream':
        this.#streaming = request[2];
        return call.succeed(undefined);
      case 'import':
        return this.#as(PrimaryRole).importFrom(request[2], call);
      case 'rejoin':
        return call.succeed(this.#as(ReplicaRole).rejoin(request[2]));
      case 'repair':
        return call.succeed(this.#as(ReplicaRole).repair(request[2]));
      case 'write-marker':
        return this.#as(PrimaryRole).writeMarker(request[2], call);
      case 'await-marker':
        return call.succeed(this.#services.markers.await(request[2]));
      case 'release-marker':
        return call.succeed(this.#services.markers.release(request[2]));
      case 'acks':
        if (this.#role instanceof PrimaryRole) {
          this.#role.acknowledge(request[2], request[3]);
        }
        return call.succeed(undefined);
      case 'set-acks':
        this.#as(PrimaryRole).configureAcks(request[2]);
        return call.succeed(undefined);
      case 'initialize':
        return call.succeed(this.#initialize(request[2]));
      case 'append':
        this.#floor.check();
        return this.#as(ReplicaRole).append(request[2], request[3], call);
      case 'commit-to':
        this.#as(ReplicaRole).commitTo(request[2]);
        return call.succeed(undefined);
      case 'truncate':
        this.#as(ReplicaRole).truncateAfter(request[2]);
        return call.succeed(undefined);
      case 'hold':
        this.#retention.hold(request[2]);
        return call.succeed(undefined);
      case 'set-content':
        this.#setContent(request[2], request[3], request[4]);
        return call.succeed(undefined);
      case 'ends':
        return call.succeed(this.#as(ReplicaRole).ends());
      case 'close':
        return this.#close(call);
    }
  }

  #as<T extends PrimaryRole | ReplicaRole>(kind: abstract new (...parameters: never[]) => T): T {
    const role = this.#role;
    if (!(role instanceof kind)) {
      const wanted = (kind as unknown) === PrimaryRole ? 'primary' : 'replica';
      throw new QuorateError('WRONG_ROLE', `database ${this.#services.start.name} is not a ${wanted}`, {
        hint: 'Its role was changed meanwhile; see its status.',
      });
    }
    return role;
  }

  #initialize(databaseId: Uint8Array): void {
    if (this.#log === undefined) {
      this.#createLog(databaseId);
      assertInvariant(this.#log !== undefined, 'the log was just made');
      this.#as(ReplicaRole).useLog(this.#log);
    } else if (Buffer.compare(this.#log.databaseId, databaseId) !== 0) {
      throw new QuorateError('WRONG_DATABASE', 'the upstream database is not the one this replica was made from', {
        hint: 'Delete this replica and create it again, or point it at the right upstream.',
      });
    }
  }

  #close(call: Call): void {
    this.#stopped = true;
    this.#role?.close();
    this.#log?.close();
    call.succeed(undefined);
    this.#outbox.flush();
  }

  #wake(): void {
    if (!this.#scheduled && !this.#stopped) {
      this.#scheduled = true;
      this.#schedule(() => this.#work());
    }
  }

  #work(): void {
    this.#scheduled = false;
    if (this.#stopped) {
      return;
    }
    this.#working = true;
    const more = this.#role?.work() ?? false;
    this.#working = false;
    const { positions } = this.#services;
    this.#retain();
    positions.set('logBytes', this.#log?.sizeBytes ?? 0);
    this.#outbox.emit(['moved', positions.get('tip'), positions.get('commit')]);
    this.#outbox.flush();
    if (more) {
      this.#wake();
    }
    this.#prepareNextSegment();
  }

  /** A log that has failed says so to the next write; until then this thread must go on to answer and to let others read. */
  #prepareNextSegment(): void {
    try {
      this.#log?.prepareNextSegment(preparationBytes);
    } catch {
      // The failure was reported when it happened, with its cause.
    }
  }

  #reply(port: WriterPort, reply: WriterReply): void {
    this.#outbox.reply(port, reply);
    this.#wakeToFlush();
  }

  /** Answers made outside of `work` (by a timer, say) travel with the next turn. */
  #wakeToFlush(): void {
    if (!this.#working) {
      this.#wake();
    }
  }

  #emitAppended(records: Uint8Array, urgent: boolean): void {
    if (this.#streaming && this.#log !== undefined) {
      const { positions, start } = this.#services;
      this.#outbox.appended({ records, urgent, positions, limitBytes: start.limits.tailCacheBytes });
    }
  }

  #wantAcks(): void {
    if (!this.#acksWanted) {
      this.#acksWanted = true;
      this.#outbox.emit(['acks-wanted']);
    }
  }

  #emitFailure(failure: QuorateError | undefined): void {
    const described = failure === undefined ? null : failureOf(failure, this.#services.runtime.clock.nowMs());
    this.#outbox.emit(['failure', described]);
    this.#wakeToFlush();
  }
}

const clientKinds: ReadonlySet<string> = new Set(['transact', 'begin', 'run', 'describe', 'commit', 'rollback']);

/** What ends a transaction is let through also when the disk is nearly full. */
function startsWrite([kind]: ClientRequest): boolean {
  return kind === 'transact' || kind === 'begin' || kind === 'run';
}

function isClientRequest(request: WriterRequest): request is ClientRequest {
  return clientKinds.has(request[0]);
}
