import { assertInvariant, QuorateError } from '../../errors/interface.ts';
import {
  BoundedQueue,
  durationBounds,
  Histogram,
  type HistogramCounts,
  type Runtime,
  type Timer,
} from '../../runtime/interface.ts';
import type { Statement, StatementDescription } from '../../sqlite/interface.ts';
import { QuickQueries } from './quick-queries.ts';
import { type ReadOptions, ReadRequest } from './read-request.ts';
import type { ReadAnswer } from './reader-messages.ts';
import { type Outcome, ReaderProcess } from './reader-process.ts';
import { type ReadSnapshot, type SnapshotLimits, SnapshotReaders } from './snapshot-readers.ts';

/** Milliseconds that a reader process may take to start. */
const startTimeoutMs = 20_000;

/** Milliseconds that a query whose caller has gone may go on before its process is killed: starting another costs more. */
const cancelGraceMs = 100;

/** How often a query is tried again after its process ended under it; reads change nothing, so that is safe. */
const maxRetries = 1;

export interface ReaderPoolOptions {
  readonly runtime: Runtime;
  /** Reader processes at once; each runs one query at a time. */
  readonly maxProcesses: number;
  /** Milliseconds after which a process without work ends. */
  readonly idleTimeoutMs: number;
  /** Snapshots that are pinned at once over several requests; one more is refused with OVERLOADED. Default 256. */
  readonly maxPinned?: number | undefined;
  /** Queries that wait for a reader; one more is refused with OVERLOADED. */
  readonly queueLimit: number;
}

export interface ReaderPoolStatus {
  readonly processes: number;
  readonly maxProcesses: number;
  readonly running: number;
  readonly queued: number;
  readonly queueLimit: number;
  /** Snapshots that are pinned over several requests, and the processes that have them. */
  readonly pinned: number;
  readonly pinningProcesses: number;
  /** Queries answered, with a result or an error, since the start. */
  readonly answered: number;
  /** Queries stopped because of their time limit, since the start. */
  readonly timeouts: number;
  /** Processes that ended by themselves, since the start. */
  readonly crashes: number;
  /** From the arrival of a query to its answer, in seconds. */
  readonly timings: HistogramCounts;
}

/** Queries that are sent to a reader together. */
const maxTogether = 32;

/** Milliseconds that queries which are known to be quick may take together. */
const stallMs = 250;

interface Reader {
  readonly process: ReaderProcess;
  state: 'starting' | 'idle' | 'running' | 'killed';
  /** Of the start, of the running query, or of idleness. */
  timer: Timer | undefined;
}

/**
 * Runs reads in child processes, shared by all databases of a node. A statement inside SQLite cannot be interrupted
 * from Node.js, neither on this thread nor on another; a process can be killed. So a query past its time limit costs
 * one process, and the other queries do not notice.
 */
export class ReaderPool implements AsyncDisposable {
  readonly #options: ReaderPoolOptions;
  readonly #readers = new Set<Reader>();
  readonly #idle: Reader[] = [];
  readonly #queue: BoundedQueue<ReadRequest>;
  readonly #snapshots: SnapshotReaders;
  readonly #quick = new QuickQueries();
  #closed = false;
  #answered = 0;
  #timeouts = 0;
  #crashes = 0;
  readonly #timings = new Histogram(durationBounds);

  constructor(options: ReaderPoolOptions) {
    this.#options = options;
    this.#snapshots = new SnapshotReaders(options);
    this.#queue = new BoundedQueue('the queue of the reader processes (reader-queue-limit)', options.queueLimit);
  }

  /**
   * Runs statements that only read, all in one snapshot of the file.
   * @throws QuorateError QUERY_TIMEOUT, RESULT_TOO_LARGE, READ_ONLY_QUERY, SQL_ERROR, OVERLOADED, CANCELLED …
   */
  async query(filePath: string, statements: readonly Statement[], options: ReadOptions): Promise<ReadAnswer> {
    if (this.#closed) {
      throw new QuorateError('CANCELLED', 'the readers of this node have stopped');
    }
    const request = new ReadRequest(filePath, statements, options);
    if (!request.isSettled) {
      this.#queue.push(request);
      this.#dispatch();
    }
    const { clock } = this.#options.runtime;
    const sinceMs = clock.monotonicMs();
    const answer = await request.answer;
    this.#timings.observe((clock.monotonicMs() - sinceMs) / 1_000);
    return answer;
  }

  /** What a statement returns, without running it. */
  async describe(
    filePath: string,
    sql: string,
    options: Pick<ReadOptions, 'timeoutMs' | 'maxBytes' | 'maxValueBytes'>,
  ): Promise<StatementDescription> {
    const { results } = await this.query(filePath, [{ sql }], { ...options, describe: true });
    assertInvariant(results[0] !== undefined, 'a description has one result');
    return results[0];
  }

  /** Pins the content of a file as it is now, to be read in several requests. @throws QuorateError OVERLOADED … */
  pin(filePath: string, limits: SnapshotLimits): Promise<ReadSnapshot> {
    return this.#snapshots.pin(filePath, limits);
  }

  /** Closes all connections to a file and refuses the queries that wait for it; to be called before the file goes. */
  release(filePath: string): void {
    for (const request of this.#queue.drain()) {
      if (request.filePath === filePath) {
        request.fail(new QuorateError('DATABASE_UNLOADED', 'the database was closed before the query could run'));
      } else {
        this.#queue.push(request);
      }
    }
    for (const reader of this.#readers) {
      reader.process.release(filePath);
    }
    this.#snapshots.release(filePath);
  }

  /** Lets queries that wait for a file read the one that has taken its place, and closes all connections to the old one. */
  replace(oldPath: string, newPath: string): void {
    for (const request of this.#queue.drain()) {
      if (request.filePath === oldPath) {
        request.filePath = newPath;
      }
      this.#queue.push(request);
    }
    for (const reader of this.#readers) {
      reader.process.release(oldPath);
    }
    this.#snapshots.release(oldPath);
  }

  status(): ReaderPoolStatus {
    return {
      processes: this.#readers.size,
      maxProcesses: this.#options.maxProcesses,
      running: [...this.#readers].filter((reader) => reader.state === 'running').length,
      queued: this.#queue.size,
      queueLimit: this.#options.queueLimit,
      pinned: this.#snapshots.pinned,
      pinningProcesses: this.#snapshots.processes,
      answered: this.#answered,
      timeouts: this.#timeouts,
      crashes: this.#crashes,
      timings: this.#timings.read(),
    };
  }

  /** Kills every process and fails what waits or runs with CANCELLED; resolves when all processes are gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#failQueue(new QuorateError('CANCELLED', 'the node is stopping'));
    const readers = [...this.#readers];
    for (const reader of readers) {
      this.#kill(reader);
    }
    await this.#snapshots[Symbol.asyncDispose]();
    await Promise.all(readers.map((reader) => reader.process.exited()));
  }

  #dispatch(): void {
    while (this.#idle.length > 0) {
      const requests = this.#nextTogether();
      if (requests.length === 0) {
        return;
      }
      this.#run(this.#idle.pop() as Reader, requests);
    }
    const starting = [...this.#readers].filter((reader) => reader.state === 'starting').length;
    if (this.#queue.size > starting && this.#readers.size < this.#options.maxProcesses) {
      this.#start();
    }
  }

  #start(): void {
    const reader: Reader = {
      process: ReaderProcess.start({
        onIdle: () => this.#onIdle(reader),
        onExit: (reason) => this.#onExit(reader, reason),
      }),
      state: 'starting',
      timer: this.#options.runtime.timers.after(startTimeoutMs, () => this.#kill(reader)),
    };
    this.#readers.add(reader);
  }

  /** What one reader is to do next: one query, or a fair share of those that wait and are known to be quick. */
  #nextTogether(): ReadRequest[] {
    const share = Math.min(maxTogether, Math.ceil(this.#queue.size / this.#idle.length));
    const requests: ReadRequest[] = [];
    for (let next = this.#queue.first; next !== undefined; next = this.#queue.first) {
      if (!next.isSettled) {
        const mayJoin = requests.length < share && this.#quick.has(next);
        if (requests.length > 0 && !mayJoin) {
          break;
        }
        requests.push(next);
      }
      this.#queue.shift();
      if (requests.length === 1 && !this.#quick.has(next)) {
        break;
      }
    }
    return requests;
  }

  #run(reader: Reader, requests: readonly ReadRequest[]): void {
    const [first, second] = requests;
    const alone = second === undefined ? first : undefined;
    reader.state = 'running';
    reader.timer?.cancel();
    reader.timer =
      alone === undefined
        ? this.#options.runtime.timers.after(stallMs, () => this.#onStall(reader, requests))
        : this.#options.runtime.timers.after(alone.options.timeoutMs, () => this.#onTimeout(reader, alone));
    if (alone !== undefined) {
      alone.onCancel = () => this.#onCancel(reader);
    }
    reader.process.run({ kind: 'queries', queries: requests.map(({ query }) => query) }, (outcome) => {
      if (alone !== undefined) {
        alone.onCancel = undefined;
      }
      this.#settle(requests, outcome);
    });
  }

  #settle(requests: readonly ReadRequest[], outcome: Outcome): void {
    const { outcomes, wasQuick } = outcome.kind === 'done' ? outcome : { outcomes: [], wasQuick: false };
    this.#quick.note(requests, wasQuick);
    for (const [index, request] of requests.entries()) {
      const own = outcomes[index];
      if (own !== undefined) {
        this.#answered += request.isSettled ? 0 : 1;
        request.settle(own);
      } else if (!request.isSettled) {
        // Of several that were sent together nobody knows which one it was, and some may not have run at all.
        this.#retry(request, outcome.kind === 'ended' && requests.length === 1 ? outcome.reason : undefined);
        request.mustRunAlone ||= outcome.kind === 'ended';
      }
    }
  }

  #retry(request: ReadRequest, reason: string | undefined): void {
    request.crashes += reason === undefined ? 0 : 1;
    if (request.crashes > maxRetries || this.#closed) {
      request.fail(readerEnded(reason ?? '', this.#closed));
      return;
    }
    try {
      this.#queue.push(request);
    } catch (error) {
      request.fail(error as QuorateError);
    }
  }

  /** Nobody can tell which of them takes so long, so the process goes, and all of them are tried again, each for itself. */
  #onStall(reader: Reader, requests: readonly ReadRequest[]): void {
    for (const request of requests) {
      request.mustRunAlone = true;
    }
    this.#kill(reader);
  }

  #onTimeout(reader: Reader, request: ReadRequest): void {
    this.#timeouts += 1;
    const { timeoutMs } = request.options;
    request.fail(
      new QuorateError('QUERY_TIMEOUT', `the query ran longer than ${timeoutMs} ms and was stopped`, {
        hint: 'Make the query cheaper (an index, a LIMIT), or raise its time limit or the option query-timeout.',
        details: { timeoutMs },
      }),
    );
    this.#kill(reader);
  }

  #onCancel(reader: Reader): void {
    reader.timer?.cancel();
    reader.timer = this.#options.runtime.timers.after(cancelGraceMs, () => this.#kill(reader));
  }

  #onIdle(reader: Reader): void {
    if (reader.state === 'killed') {
      return;
    }
    reader.state = 'idle';
    reader.timer?.cancel();
    reader.timer = this.#options.runtime.timers.after(this.#options.idleTimeoutMs, () => this.#kill(reader));
    this.#idle.push(reader);
    this.#dispatch();
  }

  #kill(reader: Reader): void {
    reader.state = 'killed';
    reader.timer?.cancel();
    this.#forgetIdle(reader);
    reader.process.kill();
  }

  #onExit(reader: Reader, reason: string): void {
    const { state } = reader;
    reader.timer?.cancel();
    this.#readers.delete(reader);
    this.#forgetIdle(reader);
    if (state !== 'killed') {
      this.#crashes += 1;
      this.#options.runtime.logger.error({ reason, state }, 'a reader process ended unexpectedly');
    }
    if (state === 'starting' && this.#readers.size === 0) {
      // Without this, a machine that cannot start processes would try for ever.
      this.#failQueue(new QuorateError('UNAVAILABLE', `no reader process can be started: ${reason}`));
    }
    if (!this.#closed) {
      this.#dispatch();
    }
  }

  #forgetIdle(reader: Reader): void {
    const index = this.#idle.indexOf(reader);
    if (index >= 0) {
      this.#idle.splice(index, 1);
    }
  }

  #failQueue(error: QuorateError): void {
    for (const request of this.#queue.drain()) {
      request.fail(error);
    }
  }
}

function readerEnded(reason: string, stopping: boolean): QuorateError {
  if (stopping) {
    return new QuorateError('CANCELLED', 'the node is stopping');
  }
  return new QuorateError('INTERNAL', `the reader process ended while it ran the query: ${reason}`, {
    hint: 'The query may need more memory than a reader has; try it with a LIMIT.',
  });
}
