import { QuorateError } from '../errors/interface.ts';
import type { TransactionLog } from '../log/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import { AcknowledgementWait } from './acknowledgement-wait.ts';
import { sqlitePath } from './content-directory.ts';
import { DiskFloor } from './disk-floor.ts';
import { failureOf } from './failure.ts';
import type { FeedRunner } from './feed.ts';
import { FileFreeze } from './file-freeze.ts';
import { HybridClock } from './hybrid-clock.ts';
import { LogRetention } from './log-retention.ts';
import { MarkerWatch } from './marker-watch.ts';
import { PrimaryRole } from './primary-role.ts';
import { ReplicaRole } from './replica-role.ts';
import { SharedPositions } from './shared-positions.ts';
import { promiseTerm, type WriterPosition } from './terms.ts';
import { WriterDoor } from './writer-door.ts';
import { WriterFeeds } from './writer-feeds.ts';
import { createLog, noteLog, openLog, requireSameDatabase } from './writer-log.ts';
import {
  type AppendRequest,
  type ClientRequest,
  type ControlRequest,
  isClientRequest,
  type RoleSettings,
  startsWrite,
  type WriterEvent,
  type WriterPort,
  type WriterStart,
} from './writer-messages.ts';
import { WriterOutbox } from './writer-outbox.ts';
import { WriterTurns } from './writer-pulse.ts';
import { type Call, steppedDown, type WriterServices, wrongRole } from './writer-role.ts';

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
  #scheduled = false;
  /** Whether `#work` is to follow on the messages at hand at once. */
  #isUrgent = false;
  /** In `#work`, which ends with `flush`: answers made there need no turn of their own. */
  #working = false;
  readonly #outbox: WriterOutbox;
  readonly #door: WriterDoor;
  readonly #feeds: WriterFeeds;
  readonly #acknowledgementWait: AcknowledgementWait;
  #stopped = false;
  #directory: string;
  readonly #retention: LogRetention;
  readonly #floor: DiskFloor;
  readonly #freeze: FileFreeze;
  readonly #turns: WriterTurns;

  /** `schedule` runs a function after the messages that have arrived by now. */
  constructor(
    runtime: Runtime,
    start: WriterStart,
    host: WriterPort,
    schedule: (work: () => void) => void,
    feedRunner?: FeedRunner,
  ) {
    this.#host = host;
    this.#schedule = schedule;
    this.#directory = start.directory;
    const { clock, files, logger } = runtime;
    const { limits, neededFrom, name: database } = start;
    this.#retention = new LogRetention({ database, clock, logger, limits, neededFrom });
    this.#floor = new DiskFloor({ files, clock, directory: start.directory, minFreeBytes: limits.minFreeBytes });
    const positions = new SharedPositions(start.positions);
    this.#turns = new WriterTurns(positions);
    const timers = this.#turns.counting(runtime.timers);
    this.#outbox = new WriterOutbox({ host, positions, timers, streamLimitBytes: limits.tailCacheBytes });
    this.#door = new WriterDoor({
      outbox: this.#outbox,
      turns: this.#turns,
      accept: (call) => this.#accept(call),
      onTaken: () => (this.#isUrgent ? this.#work() : this.#outbox.endTurn()),
      onReply: () => this.#wakeToFlush(),
    });
    this.#acknowledgementWait = new AcknowledgementWait(clock, host, this.#outbox);
    this.#feeds = new WriterFeeds({
      start,
      positions,
      databaseId: () => this.#log?.databaseId,
      runner: feedRunner,
      onEvent: (feed, event) => this.#emit(['feed', feed, event]),
    });
    const file = () => sqlitePath(this.#directory);
    const wake = () => this.#wake();
    this.#freeze = new FileFreeze({ runtime: { ...runtime, timers }, file, role: () => this.#role, wake });
    this.#services = {
      runtime: { ...runtime, timers },
      start,
      file,
      positions,
      hybridClock: new HybridClock(runtime.clock),
      markers: new MarkerWatch({
        timers,
        onReached: (marker, txId) => this.#outbox.emit(['at-marker', marker, txId]),
        onReleased: wake,
      }),
      wake,
      requireRoom: () => this.#floor.check(),
      onAppended: (...appended) => this.#outbox.appended(...appended),
      onTraced: (span) => this.#outbox.emit(['traced', span]),
      onDurable: () => this.#endTurn(),
      onTruncated: () => this.#outbox.emit(['truncated']),
      onFailure: (failure) => this.#emitFailure(failure),
      onAckStatus: (status) => this.#outbox.emit(['ack-status', status]),
      onAcksWanted: (wish, again) => this.#outbox.wantAcks(wish, again),
    };
  }

  /** Opens log and SQLite and recovers. @throws QuorateError LOG_CORRUPT, DATABASE_CORRUPT, IO_ERROR, DISK_FULL */
  open(): void {
    this.#openContent(this.#services.start.role);
    this.#door.listen(this.#host);
    this.#door.listen(this.#feeds.port);
    // The node must know the identity of its database before anybody asks for anything: nobody can follow it otherwise.
    this.#outbox.flush();
    this.#retainWhileIdle();
  }

  #openContent(role: RoleSettings): void {
    const log = openLog(this.#services, this.#directory);
    if (log !== undefined) {
      this.#useLog(log);
    }
    this.#takeRole(role);
  }

  /** Goes on with the content of another folder. */
  #setContent(directory: string, content: number, role: RoleSettings): void {
    this.#role?.close();
    this.#role = undefined;
    // After the role, whose connection would otherwise be the last one and write to the file.
    this.#freeze.close();
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

  /** Drops what the log need not keep. */
  #retain(): void {
    const log = this.#log;
    const role = this.#role;
    if (log !== undefined && role !== undefined) {
      this.#retention.step(log, () => (this.#freeze.isFrozen ? undefined : role.checkpoint()));
      noteLog(this.#services.positions, log);
    }
  }

  #createLog(databaseId: Uint8Array): TransactionLog {
    return this.#useLog(createLog(this.#services, this.#directory, databaseId));
  }

  #useLog(log: TransactionLog): TransactionLog {
    this.#log = log;
    this.#outbox.emit(['log-opened', log.databaseId]);
    return log;
  }

  #takeRole(settings: RoleSettings): void {
    this.#role?.close(steppedDown());
    this.#role = undefined;
    this.#services.markers.clear();
    this.#feeds.setFailure(undefined);
    this.#outbox.expectNoAcks();
    if (settings.role === 'primary') {
      const log = this.#log ?? this.#createLog(this.#services.runtime.random.bytes(16));
      this.#role = new PrimaryRole(this.#services, log, settings);
    } else {
      this.#role = new ReplicaRole(this.#services, this.#log, settings);
    }
    this.#freeze.roleChanged();
  }

  #accept(call: Call): void {
    const { request } = call;
    if (isClientRequest(request)) {
      this.#acceptClient(call as Call<ClientRequest>);
    } else {
      this.#control(request, call);
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
        this.#door.listen(request[2] as WriterPort);
        return call.succeed(undefined);
      case 'set-role':
        this.#takeRole(request[2]);
        return call.succeed(undefined);
      case 'stream':
        this.#outbox.streaming = request[2];
        return call.succeed(undefined);
      case 'rejoin':
      case 'save-records':
      case 'repair':
      case 'repair-phase':
      case 'ends':
      case 'commit-to':
      case 'truncate':
        return call.succeed(this.#as(ReplicaRole).control(request));
      case 'import':
      case 'write-marker':
      case 'set-acks':
      case 'pause-writes':
      case 'resume-writes':
        return this.#as(PrimaryRole).control(request, call);
      case 'promise':
        return call.succeed(this.#promise(request[2]));
      case 'await-marker':
        return call.succeed(this.#services.markers.await(request[2]));
      case 'release-marker':
        return call.succeed(this.#services.markers.release(request[2]));
      case 'acks':
        if (this.#role instanceof PrimaryRole) {
          this.#role.acknowledge(request[2], request[3]);
        }
        return call.succeed(undefined);
      case 'initialize':
        return call.succeed(this.#initialize(request[2]));
      case 'append':
        this.#floor.check();
        return this.#append(request, call);
      case 'hold':
        this.#retention.hold(request[2]);
        return call.succeed(undefined);
      case 'set-content':
        this.#setContent(request[2], request[3], request[4]);
        return call.succeed(undefined);
      case 'bytes-at':
        return call.succeed(this.#log?.recordBytesAt(request[2]) ?? 0);
      case 'open-feed':
      case 'close-feed':
        return this.#feeds.accept(request, call);
      case 'freeze':
      case 'thaw':
      case 'checkpoint-again':
        return this.#freeze.accept(request[0], call);
      case 'close':
        return this.#close(call);
    }
  }

  /** Records that somebody waits for are logged before this thread turns to anything else. */
  #append(request: AppendRequest, call: Call): void {
    this.#as(ReplicaRole).append(request, call);
    const [, , , , awaited] = request;
    if (awaited?.durable) {
      this.#isUrgent = true;
    } else {
      this.#wake();
    }
  }

  #as<T extends PrimaryRole | ReplicaRole>(kind: abstract new (...parameters: never[]) => T): T {
    const role = this.#role;
    if (!(role instanceof kind)) {
      throw wrongRole(this.#services.start.name, (kind as unknown) === PrimaryRole ? 'primary' : 'replica');
    }
    return role;
  }

  /**
   * Ends everything that a primary of a lower term could still be told, on this very thread: when the answer leaves, nothing
   * of such a term is confirmed any more. @throws QuorateError STALE_TERM when the log has records of a later term
   */
  #promise(term: number): WriterPosition {
    const position = promiseTerm(this.#services.positions, this.#log, term);
    if (this.#role instanceof ReplicaRole) {
      this.#role.promised();
    }
    this.#feeds.moved();
    return position;
  }

  #initialize(databaseId: Uint8Array): void {
    if (this.#log === undefined) {
      this.#as(ReplicaRole).useLog(this.#createLog(databaseId));
    } else {
      requireSameDatabase(this.#log, databaseId);
    }
  }

  #close(call: Call): void {
    this.#stopped = true;
    this.#feeds.closeAll();
    this.#freeze.close();
    this.#role?.close();
    this.#log?.close();
    call.succeed(undefined);
    this.#outbox.close();
  }

  #wake(): void {
    if (!this.#scheduled && !this.#stopped) {
      this.#scheduled = true;
      this.#schedule(() => this.#turns.run(() => this.#work()));
    }
  }

  #work(): void {
    this.#scheduled = false;
    this.#isUrgent = false;
    if (this.#stopped) {
      return;
    }
    this.#working = true;
    const more = this.#role?.work() ?? false;
    this.#freeze.step();
    this.#working = false;
    this.#retain();
    this.#endTurn();
    if (more) {
      this.#wake();
    }
    this.#prepareNextSegment();
    this.#acknowledgementWait.step();
  }

  /** Tells everybody what this turn brought. */
  #endTurn(): void {
    this.#feeds.moved();
    this.#outbox.endTurn();
  }

  /** A log that has failed says so to the next write; until then this thread must go on to answer and to let others read. */
  #prepareNextSegment(): void {
    try {
      this.#log?.prepareNextSegment(preparationBytes);
    } catch {
      // The failure was reported when it happened, with its cause.
    }
  }

  /** Answers made outside of `work` (by a timer, say) travel with the next turn. */
  #wakeToFlush(): void {
    if (!this.#working) {
      this.#wake();
    }
  }

  #emitFailure(failure: QuorateError | undefined): void {
    const described = failure === undefined ? null : failureOf(failure, this.#services.runtime.clock.nowMs());
    this.#feeds.setFailure(described ?? undefined);
    this.#emit(['failure', described]);
  }

  #emit(event: WriterEvent): void {
    this.#outbox.emit(event);
    this.#wakeToFlush();
  }
}
