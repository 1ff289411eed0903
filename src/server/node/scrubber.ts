import { type ComparedNode, type Comparison, type ComparisonCursor, compareNodes } from '../../client/interface.ts';
import { asQuorateError, type ErrorCode, QuorateError } from '../../errors/interface.ts';
import type { Runtime } from '../../runtime/interface.ts';

/**
 * How much one piece of the work is: what is due in so many milliseconds, compared without a pause and with low priority.
 * Writers pay for a snapshot while it is pinned, and for each new one, but little for the reading itself.
 */
const piecePeriodMs = 10_000;

/** How long snapshots stay pinned for one piece at most: as long, SQLite cannot shorten its WAL. In milliseconds. */
const maxPieceMs = 10_000;

/** Bytes of rows in one question to a node: little, so that a piece ends soon after its time. */
const stepBytes = 1024 * 1024;

/** Shortest wait between two pieces, in milliseconds. */
const pieceIntervalMs = 500;

/** Differing rows that are counted; one is enough for an alarm. */
const maxDifferences = 100;

const millisecondsPerSecond = 1_000;

/** Reasons not to compare now that are told elsewhere, or pass. */
const quiet: ReadonlySet<ErrorCode> = new Set([
  'CANCELLED',
  'UNAVAILABLE',
  'OVERLOADED',
  'NOT_IMPLEMENTED',
  'DATABASE_UNLOADED',
  'WRONG_ROLE',
]);

export interface ScrubberOptions {
  readonly runtime: Runtime;
  readonly database: string;
  readonly here: ComparedNode;
  /** Runs an action with the upstream. */
  readonly withUpstream: <T>(action: (upstream: ComparedNode) => Promise<T>) => Promise<T>;
  /** Whether there is a point in comparing now. */
  readonly isFollowing: () => boolean;
  /** The transaction that both show, as far as is known here; undefined while the replica is behind. */
  readonly standsAt: () => number | undefined;
  /** Bytes of the database. */
  readonly databaseBytes: () => number;
  /** Milliseconds between two rounds. */
  readonly intervalMs: number;
  readonly bytesPerSecond: number;
}

/** What the scrub of a replica has found. */
export interface ScrubStatus {
  /** Rounds over the whole database since the replica began to follow. */
  readonly rounds: number;
  /** Milliseconds since 1970 at the end of the last round; 0 before. */
  readonly finishedAtMs: number;
  /** Whether a round is under way. */
  readonly running: boolean;
  /** Milliseconds that the last round took; 0 before. */
  readonly durationMs: number;
  /** Milliseconds since 1970 at which the next round begins; 0 while one is under way. */
  readonly nextAtMs: number;
  /** Milliseconds from the end of one round to the end of the next, as the size of the database and the options make it. */
  readonly periodMs: number;
  /** Differences found in the round before and in this one, whichever are more. */
  readonly differences: number;
  /** Why the replica is not what its upstream is, if so. */
  readonly alarm: QuorateError | undefined;
  /** Milliseconds since 1970 of the alarm; 0 without one. */
  readonly alarmAtMs: number;
}

/**
 * Compares a replica with its upstream in the background, again and again, at a bounded rate: what replication does not
 * notice (a row changed by hand, a damaged page) is found before somebody reads or writes it. The work is cut into pieces,
 * each at a transaction of its own, because a pinned snapshot keeps SQLite from shortening its WAL.
 *
 * Where nothing is written the two stand at the same transaction anyway, and are compared there. A marker in the log makes
 * them stand so otherwise; an idle database would only grow by it.
 */
export class Scrubber implements AsyncDisposable {
  readonly #options: ScrubberOptions;
  readonly #stop = new AbortController();
  #again = new AbortController();
  #running: Promise<void> | undefined;
  #cursor: ComparisonCursor | undefined;
  /** Where both stood when the last wait began. */
  #stoodAt: number | undefined;
  /** When as much may be compared again, by the monotonic clock. */
  #paidAtMs = 0;
  #found = 0;
  #foundBefore = 0;
  #rounds = 0;
  #finishedAtMs = 0;
  #durationMs = 0;
  #beganAtMs: number | undefined;
  #nextAtMs = 0;
  #alarm: QuorateError | undefined;
  #alarmAtMs = 0;
  /** Why the last piece could not be compared, so that it is logged once. */
  #obstacle = '';

  constructor(options: ScrubberOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  status(): ScrubStatus {
    const { intervalMs, bytesPerSecond, databaseBytes } = this.#options;
    const differences = Math.max(this.#found, this.#foundBefore);
    const running = this.#beganAtMs !== undefined;
    return {
      running,
      rounds: this.#rounds,
      finishedAtMs: this.#finishedAtMs,
      durationMs: this.#durationMs,
      nextAtMs: running ? 0 : this.#nextAtMs,
      periodMs: intervalMs + (databaseBytes() / bytesPerSecond) * millisecondsPerSecond,
      differences,
      alarm: this.#alarm,
      alarmAtMs: this.#alarmAtMs,
    };
  }

  async #run(): Promise<void> {
    const { intervalMs, runtime } = this.#options;
    // Replicas that began together do not stay together.
    const firstMs = intervalMs * (0.5 + runtime.random.next() / 2);
    for (let waitMs = firstMs; await this.#wait(waitMs); ) {
      const pauseMs = (await this.#piece()) ? intervalMs : pieceIntervalMs;
      waitMs = Math.max(pauseMs, this.#paidAtMs - runtime.clock.monotonicMs());
    }
  }

  /** Begins a round at once, since what was found may have been repaired. */
  beginAgain(): void {
    this.#again.abort();
  }

  /** Waits until the next piece is due, or a new round is wanted; false when the scrub is to end. */
  async #wait(delayMs: number): Promise<boolean> {
    const { timers, clock } = this.#options.runtime;
    this.#stoodAt = this.#options.standsAt();
    this.#nextAtMs = clock.nowMs() + delayMs;
    // Both signals only end the wait.
    await timers.sleep(delayMs, AbortSignal.any([this.#stop.signal, this.#again.signal])).catch(() => {});
    if (this.#again.signal.aborted) {
      this.#again = new AbortController();
      this.#cursor = undefined;
      this.#beganAtMs = undefined;
      this.#found = 0;
    }
    return !this.#stop.signal.aborted;
  }

  /** Compares for a while; true when the round has ended, or cannot go on now. */
  async #piece(): Promise<boolean> {
    const { runtime, database, isFollowing, withUpstream } = this.#options;
    if (!isFollowing()) {
      return true;
    }
    this.#beganAtMs ??= runtime.clock.monotonicMs();
    try {
      const work = withUpstream((upstream) => this.#compareSomehow(upstream));
      const comparison = await this.#unlessStopped(work);
      this.#note(comparison);
      this.#obstacle = '';
      return comparison.next === undefined;
    } catch (error) {
      const { code, message } = asQuorateError(error);
      const isTold = quiet.has(code) || this.#obstacle === message;
      this.#obstacle = message;
      runtime.logger[isTold ? 'debug' : 'warn']({ database, code, error: message }, 'could not scrub');
      this.#beganAtMs = undefined;
      return true;
    }
  }

  /** Compares the two where they stand when nothing has happened for a while, otherwise where a marker makes them stand. */
  async #compareSomehow(upstream: ComparedNode): Promise<Comparison> {
    const standsAt = this.#options.standsAt();
    if (standsAt === undefined || standsAt !== this.#stoodAt) {
      return await this.#compare(upstream, false);
    }
    try {
      return await this.#compare(upstream, true);
    } catch (error) {
      if (asQuorateError(error).code === 'WAIT_TIMEOUT') {
        return await this.#compare(upstream, false);
      }
      throw error;
    }
  }

  /** Whoever stops the scrub does not wait for the network: what still runs lets go of its snapshots by itself. */
  async #unlessStopped<T>(work: Promise<T>): Promise<T> {
    const stopped = Promise.withResolvers<never>();
    const stop = () => stopped.reject(new QuorateError('CANCELLED', 'the scrub was stopped'));
    const { signal } = this.#stop;
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await Promise.race([work, stopped.promise]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  async #compare(upstream: ComparedNode, still: boolean): Promise<Comparison> {
    const { here, runtime, bytesPerSecond } = this.#options;
    const beganMs = runtime.clock.monotonicMs();
    const bytesPerMs = bytesPerSecond / millisecondsPerSecond;
    const comparison = await compareNodes({
      here,
      reference: upstream,
      writer: upstream,
      still,
      marker: Buffer.from(runtime.random.bytes(16)).toString('hex'),
      maxDifferences,
      content: false,
      from: this.#cursor,
      stepBytes,
      mayGoOn: (sizeBytes) =>
        sizeBytes < bytesPerMs * piecePeriodMs &&
        runtime.clock.monotonicMs() < beganMs + maxPieceMs &&
        !this.#stop.signal.aborted,
    });
    this.#paidAtMs = beganMs + comparison.sizeBytes / bytesPerMs;
    return comparison;
  }

  #note(comparison: Comparison): void {
    const { runtime, database } = this.#options;
    this.#cursor = comparison.next;
    this.#found += comparison.differences.length;
    if (comparison.differences.length > 0) {
      this.#alarm = alarmOf(database, comparison);
      this.#alarmAtMs = runtime.clock.nowMs();
      runtime.logger.error({ database, ...this.#alarm.details }, this.#alarm.message);
    }
    if (comparison.next === undefined) {
      if (this.#found === 0) {
        this.#alarm = undefined;
      }
      this.#foundBefore = this.#found;
      this.#found = 0;
      this.#rounds += 1;
      this.#finishedAtMs = runtime.clock.nowMs();
      this.#durationMs = runtime.clock.monotonicMs() - (this.#beganAtMs ?? runtime.clock.monotonicMs());
      this.#beganAtMs = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

function alarmOf(database: string, { txId, differences, ranges }: Comparison): QuorateError {
  const tables = [...new Set(differences.map((one) => ('table' in one ? one.table : one.kind)))].join(', ');
  return new QuorateError('DIVERGED', `${database} is not what its upstream is at transaction ${txId}: ${tables}`, {
    hint: `Find the rows and repair them: quorate verify ${database} --with UPSTREAM --repair`,
    details: { txId, differences: differences.length, ranges: ranges.length },
  });
}
