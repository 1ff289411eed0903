import path from 'node:path';
import { asQuorateError, assertInvariant, QuorateError } from '../errors/interface.ts';
import { TransactionLog } from '../log/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import { HybridClock } from './hybrid-clock.ts';
import { MarkerWatch } from './marker-watch.ts';
import { PrimaryRole } from './primary-role.ts';
import { ReplicaRole } from './replica-role.ts';
import { SharedPositions } from './shared-positions.ts';
import type { DatabaseFailure } from './types.ts';
import type {
  ClientRequest,
  ControlRequest,
  RoleSettings,
  WriterEvent,
  WriterPort,
  WriterReply,
  WriterRequest,
  WriterStart,
} from './writer-messages.ts';
import type { Call, WriterServices } from './writer-role.ts';

/** How much of the next log segment is made ready in one turn: little enough that no commit waits for it, in bytes. */
const preparationBytes = 1024 * 1024;

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
  /** In `#work`, which ends with `#flush`: answers made there need no turn of their own. */
  #working = false;
  #replies = new Map<WriterPort, WriterReply[]>();
  #events: WriterEvent[] = [];
  #stopped = false;
  #acksWanted = false;

  /** `schedule` runs a function after the messages that have arrived by now. */
  constructor(runtime: Runtime, start: WriterStart, host: WriterPort, schedule: (work: () => void) => void) {
    this.#host = host;
    this.#schedule = schedule;
    this.#services = {
      runtime,
      start,
      file: path.join(start.directory, 'data.sqlite'),
      positions: new SharedPositions(start.positions),
      hybridClock: new HybridClock(runtime.clock),
      markers: new MarkerWatch({
        timers: runtime.timers,
        onReached: (marker, txId) => this.#emit(['at-marker', marker, txId]),
        onReleased: () => this.#wake(),
      }),
      wake: () => this.#wake(),
      onAppended: (records, urgent = false) => this.#emitAppended(records, urgent),
      onFailure: (failure) => this.#emitFailure(failure),
      onAckStatus: (status) => this.#emit(['ack-status', status]),
      onAcksWanted: () => this.#wantAcks(),
    };
  }

  /** Opens log and SQLite and recovers. @throws QuorateError LOG_CORRUPT, DATABASE_CORRUPT, IO_ERROR, DISK_FULL */
  open(): void {
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
    } else if (start.role.role === 'primary') {
      this.#createLog(runtime.random.bytes(16));
    }
    this.#takeRole(start.role);
    this.#listen(this.#host);
    // The node must know the identity of its database before anybody asks for anything: nobody can follow it otherwise.
    this.#flush();
  }

  get #logDirectory(): string {
    return path.join(this.#services.start.directory, 'log');
  }

  #createLog(databaseId: Uint8Array): void {
    const { runtime, start } = this.#services;
    const options = { segmentSizeBytes: start.limits.logSegmentBytes };
    this.#useLog(TransactionLog.create(runtime.files, this.#logDirectory, databaseId, options));
  }

  #useLog(log: TransactionLog): void {
    const { positions, runtime, start } = this.#services;
    // A process that was killed may have made the folder of the log without making it durable.
    runtime.files.syncDirectorySync(start.directory);
    this.#log = log;
    positions.set('tip', log.tip.txId);
    positions.set('durable', log.tip.txId);
    positions.set('term', log.tip.term);
    this.#observeTimeOfTip(log);
    this.#emit(['log-opened', log.databaseId]);
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
      this.#flush();
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
        return this.#as(ReplicaRole).append(request[2], request[3], call);
      case 'commit-to':
        this.#as(ReplicaRole).commitTo(request[2]);
        return call.succeed(undefined);
      case 'truncate':
        this.#as(ReplicaRole).truncateAfter(request[2]);
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
    this.#flush();
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
    positions.set('logBytes', this.#log?.sizeBytes ?? 0);
    this.#emit(['moved', positions.get('tip'), positions.get('commit')]);
    this.#flush();
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
    const replies = this.#replies.get(port);
    if (replies === undefined) {
      this.#replies.set(port, [reply]);
    } else {
      replies.push(reply);
    }
    this.#wakeToFlush();
  }

  /** Answers made outside of `work` (by a timer, say) travel with the next turn. */
  #wakeToFlush(): void {
    if (!this.#working) {
      this.#wake();
    }
  }

  #emit(event: WriterEvent): void {
    this.#events.push(event);
  }

  /**
   * Hands appended records to the node's thread, copied, because the writer uses its buffer again. When that thread has
   * not taken enough of the earlier ones they are left out: whoever needs them reads them from the log.
   *
   * They travel together with the news that they are committed. Sent before the fsync, they would cost every thread and
   * process on their way, and the replica's acknowledgement, a second message for each group. Only when a client waits for
   * acknowledgements (`urgent`) do they go at once, so that the replicas' fsync and this one happen at the same time.
   */
  #emitAppended(records: Uint8Array, urgent: boolean): void {
    const { positions, start } = this.#services;
    if (!this.#streaming || this.#log === undefined) {
      return;
    }
    if (positions.add('streamedBytes', records.length) > start.limits.tailCacheBytes) {
      positions.add('streamedBytes', -records.length);
      return;
    }
    // The `slice` of a Buffer would not copy.
    this.#emit(['appended', Uint8Array.prototype.slice.call(records), this.#log.tip.txId]);
    if (urgent) {
      this.#emit(['moved', positions.get('tip'), positions.get('commit')]);
      this.#flush();
    }
  }

  #wantAcks(): void {
    if (!this.#acksWanted) {
      this.#acksWanted = true;
      this.#emit(['acks-wanted']);
    }
  }

  #emitFailure(failure: QuorateError | undefined): void {
    const described: DatabaseFailure | null =
      failure === undefined
        ? null
        : {
            code: failure.code,
            message: failure.message,
            hint: failure.hint ?? '',
            atMs: this.#services.runtime.clock.nowMs(),
          };
    this.#emit(['failure', described]);
    this.#wakeToFlush();
  }

  /** Answers to other threads go first: somebody waits for them. */
  #flush(): void {
    const replies = this.#replies;
    if (replies.size > 0) {
      this.#replies = new Map();
      for (const [port, batch] of replies) {
        if (port !== this.#host) {
          port.post(batch);
        }
      }
    }
    this.#flushToHost(replies.get(this.#host));
  }

  /** One message for all that the node is told, because waking its thread costs more than the message. */
  #flushToHost(replies: readonly WriterReply[] = []): void {
    const events = this.#events;
    if (events.length > 0 || replies.length > 0) {
      this.#events = [];
      const transfer = events.flatMap((event) => (event[0] === 'appended' ? [event[1].buffer as ArrayBuffer] : []));
      this.#host.post({ events, replies }, transfer);
    }
  }
}

const clientKinds: ReadonlySet<string> = new Set(['transact', 'begin', 'run', 'commit', 'rollback']);

function isClientRequest(request: WriterRequest): request is ClientRequest {
  return clientKinds.has(request[0]);
}
