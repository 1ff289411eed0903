import { asQuorateError, assertInvariant, QuorateError } from '../../errors/interface.ts';
import { BoundedQueue, type Runtime, type Timer } from '../../runtime/interface.ts';
import type { Statement, StatementDescription, StatementResult } from '../../sqlite/interface.ts';
import type { ReadAnswer, ReaderTask } from './reader-messages.ts';
import { ReaderProcess } from './reader-process.ts';

const defaultMaxPinned = 256;

/** Requests that wait for one process. */
const queueLimit = 10_000;

export interface SnapshotReadersOptions {
  readonly runtime: Runtime;
  /** Processes that have snapshots. */
  readonly maxProcesses: number;
  /** Milliseconds after which a process without snapshots ends. */
  readonly idleTimeoutMs: number;
  readonly maxPinned?: number | undefined;
}

export interface SnapshotLimits {
  /** Milliseconds that one query may run. */
  readonly timeoutMs: number;
  /** Bytes of the rows of one result. */
  readonly maxBytes: number;
  /** See ReadOptions. */
  readonly maxValueBytes?: number | undefined;
  /** Milliseconds after which a snapshot that nobody reads is let go. */
  readonly idleTimeoutMs: number;
  /** Milliseconds after which a snapshot is let go. */
  readonly totalTimeoutMs: number;
}

/** The content of a database at one moment, read in several requests. */
export interface ReadSnapshot {
  /** The last transaction that it shows. */
  readonly txId: number;
  /** Integers are bigint. @throws QuorateError TRANSACTION_TIMEOUT, TRANSACTION_CLOSED, READ_ONLY_QUERY, SQL_ERROR … */
  query(statement: Statement): Promise<StatementResult>;
  describe(sql: string): Promise<StatementDescription>;
  /** Lets it go. */
  release(): void;
}

interface Job {
  readonly task: ReaderTask;
  readonly timeoutMs: number;
  readonly resolve: (answer: ReadAnswer) => void;
  readonly reject: (error: QuorateError) => void;
}

/** One process with the snapshots that it has pinned; it answers one request at a time, in order. */
class SnapshotReader {
  readonly process: ReaderProcess;
  readonly #runtime: Runtime;
  readonly #jobs = new BoundedQueue<Job>('the queue of a process with snapshots', queueLimit);
  #running: Job | undefined;
  #idle = false;
  #timer: Timer | undefined;
  /** Snapshots that it has, or is to have. */
  pinned = 0;

  constructor(runtime: Runtime, onExit: () => void) {
    this.#runtime = runtime;
    this.process = ReaderProcess.start({
      onIdle: () => {
        this.#idle = true;
        this.#next();
      },
      onExit: (reason) => {
        this.#timer?.cancel();
        this.#failAll(gone(reason));
        onExit();
      },
    });
  }

  run(task: ReaderTask, timeoutMs: number): Promise<ReadAnswer> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ task, timeoutMs, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    const job = this.#idle ? this.#jobs.shift() : undefined;
    if (job === undefined) {
      return;
    }
    this.#idle = false;
    this.#running = job;
    this.#timer = this.#runtime.timers.after(job.timeoutMs, () => this.#onTimeout(job));
    this.process.run(job.task, (outcome) => {
      this.#running = undefined;
      this.#timer?.cancel();
      const [first] = outcome.kind === 'done' ? outcome.outcomes : [];
      if (first?.kind === 'answer') {
        job.resolve(first.answer);
      } else {
        job.reject(
          first === undefined
            ? gone(outcome.kind === 'ended' ? outcome.reason : 'no answer')
            : QuorateError.deserialize(first.error),
        );
      }
    });
  }

  /** A statement cannot be interrupted, so the process goes, and the other snapshots that it has. */
  #onTimeout({ timeoutMs, reject }: Job): void {
    reject(
      new QuorateError('QUERY_TIMEOUT', `the query ran longer than ${timeoutMs} ms and was stopped`, {
        hint: 'Make the query cheaper (an index, a LIMIT), or raise the option query-timeout.',
        details: { timeoutMs },
      }),
    );
    this.process.kill();
  }

  #failAll(error: QuorateError): void {
    this.#running?.reject(error);
    for (const job of this.#jobs.drain()) {
      job.reject(error);
    }
  }
}

/** Snapshots that stay pinned over several requests. They have processes of their own: other reads never wait for them. */
export class SnapshotReaders implements AsyncDisposable {
  readonly #options: SnapshotReadersOptions;
  readonly #readers = new Map<SnapshotReader, Timer | undefined>();
  #lastId = 0;
  #pinned = 0;
  #closed = false;

  constructor(options: SnapshotReadersOptions) {
    this.#options = options;
  }

  /** Snapshots that are pinned now. */
  get pinned(): number {
    return this.#pinned;
  }

  /** Processes that have snapshots, or had some a moment ago. */
  get processes(): number {
    return this.#readers.size;
  }

  /** @throws QuorateError OVERLOADED, IO_ERROR, CANCELLED */
  async pin(filePath: string, limits: SnapshotLimits): Promise<ReadSnapshot> {
    const reader = this.#reader();
    this.#lastId += 1;
    const snapshot = this.#lastId;
    this.#pinned += 1;
    reader.pinned += 1;
    try {
      const { maxValueBytes } = limits;
      const request = { kind: 'pin', filePath, snapshot, maxValueBytes } as const;
      const { appliedTxId } = await reader.run(request, limits.timeoutMs);
      const pinned = { reader, filePath, snapshot, txId: appliedTxId };
      return new PinnedRead(pinned, limits, this.#options.runtime, () => this.#unpin(reader, snapshot));
    } catch (error) {
      this.#unpin(reader, snapshot);
      throw error;
    }
  }

  /** The process that has the fewest, or another one if there may be one. */
  #reader(): SnapshotReader {
    const { maxPinned = defaultMaxPinned, maxProcesses, runtime } = this.#options;
    if (this.#closed) {
      throw new QuorateError('CANCELLED', 'the readers of this node have stopped');
    }
    if (this.#pinned >= maxPinned) {
      throw new QuorateError('OVERLOADED', `${maxPinned} transactions that only read are open`, {
        hint: 'Close those that are not needed, or raise max-read-transactions.',
        details: { limit: maxPinned },
      });
    }
    const [least] = [...this.#readers.keys()].sort((a, b) => a.pinned - b.pinned);
    if (least !== undefined && (least.pinned === 0 || this.#readers.size >= maxProcesses)) {
      this.#readers.get(least)?.cancel();
      return least;
    }
    const reader: SnapshotReader = new SnapshotReader(runtime, () => this.#readers.delete(reader));
    this.#readers.set(reader, undefined);
    return reader;
  }

  #unpin(reader: SnapshotReader, snapshot: number): void {
    this.#pinned -= 1;
    reader.pinned -= 1;
    reader.process.unpin(snapshot);
    if (reader.pinned === 0 && this.#readers.has(reader)) {
      this.#readers.get(reader)?.cancel();
      const { runtime, idleTimeoutMs } = this.#options;
      const end = () => (reader.pinned === 0 ? reader.process.kill() : undefined);
      this.#readers.set(reader, runtime.timers.after(idleTimeoutMs, end));
    }
  }

  /** Closes all connections to a file; its snapshots are gone. */
  release(filePath: string): void {
    for (const reader of this.#readers.keys()) {
      reader.process.release(filePath);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    const readers = [...this.#readers];
    for (const [reader, timer] of readers) {
      timer?.cancel();
      reader.process.kill();
    }
    await Promise.all(readers.map(([reader]) => reader.process.exited()));
  }
}

interface Pinned {
  readonly reader: SnapshotReader;
  readonly filePath: string;
  readonly snapshot: number;
  readonly txId: number;
}

class PinnedRead implements ReadSnapshot {
  readonly txId: number;
  readonly #pinned: Pinned;
  readonly #limits: SnapshotLimits;
  readonly #runtime: Runtime;
  readonly #unpin: () => void;
  readonly #totalTimer: Timer;
  #idleTimer: Timer;
  #ended: QuorateError | undefined;

  constructor(pinned: Pinned, limits: SnapshotLimits, runtime: Runtime, unpin: () => void) {
    this.txId = pinned.txId;
    this.#pinned = pinned;
    this.#limits = limits;
    this.#runtime = runtime;
    this.#unpin = unpin;
    this.#totalTimer = this.#limit('total', limits.totalTimeoutMs);
    this.#idleTimer = this.#limit('idle', limits.idleTimeoutMs);
  }

  #limit(name: 'idle' | 'total', limitMs: number): Timer {
    return this.#runtime.timers.after(limitMs, () =>
      this.#end(
        new QuorateError('TRANSACTION_TIMEOUT', `the transaction passed its ${name} time limit of ${limitMs} ms`, {
          hint: `Keep transactions short, or raise transaction-${name}-timeout.`,
          details: { limitMs },
        }),
      ),
    );
  }

  query(statement: Statement): Promise<StatementResult> {
    return this.#run(statement, false);
  }

  describe(sql: string): Promise<StatementDescription> {
    return this.#run({ sql }, true);
  }

  async #run(statement: Statement, describe: boolean): Promise<StatementResult> {
    if (this.#ended !== undefined) {
      throw this.#ended;
    }
    const { reader, filePath, snapshot } = this.#pinned;
    const { timeoutMs, maxBytes, maxValueBytes, idleTimeoutMs } = this.#limits;
    this.#idleTimer.cancel();
    try {
      const query = { filePath, statements: [statement], bigint: true, maxBytes, maxValueBytes, describe, snapshot };
      const { results } = await reader.run({ kind: 'queries', queries: [query] }, timeoutMs);
      assertInvariant(results[0] !== undefined, 'one statement has one result');
      return results[0];
    } catch (error) {
      throw asQuorateError(error);
    } finally {
      if (this.#ended === undefined) {
        this.#idleTimer = this.#limit('idle', idleTimeoutMs);
      }
    }
  }

  release(): void {
    this.#end(new QuorateError('TRANSACTION_CLOSED', 'the transaction has ended already'));
  }

  #end(reason: QuorateError): void {
    if (this.#ended === undefined) {
      this.#ended = reason;
      this.#idleTimer.cancel();
      this.#totalTimer.cancel();
      this.#unpin();
    }
  }
}

function gone(reason: string): QuorateError {
  return new QuorateError(
    'TRANSACTION_CLOSED',
    `the process that held the snapshot of this transaction ended: ${reason}`,
    {
      hint: 'Begin another transaction.',
    },
  );
}
