import type { Feeds, ReplicationSink, SnapshotInbox, Upstream } from '../database/interface.ts';
import { asQuorateError, type ErrorCode, QuorateError } from '../errors/interface.ts';
import { type Backoff, createBackoff, type Runtime } from '../runtime/interface.ts';
import type { ConnectionSecurity } from '../tls/interface.ts';
import { type LagMeter, newLagMeter } from './lag-meter.ts';
import type { ReplicationLimits } from './limits.ts';
import type { ReplicaIdentity } from './replica-session.ts';
import { Seeding } from './seeding.ts';
import { feedSession } from './session-feed.ts';
import { localSession, type OpenSession, type SessionListener } from './session-opener.ts';
import type { ReplicationTransport, ReplicatorState, ReplicatorStatus, SnapshotTransport } from './types.ts';

export interface ReplicatorOptions {
  readonly sink: ReplicationSink;
  readonly upstream: Upstream;
  readonly transport: ReplicationTransport;
  /** Where sessions run that use neither sink nor transport from here; in this thread unless told otherwise. */
  readonly feeds?: Feeds | undefined;
  /** How those sessions connect. */
  readonly security?: ConnectionSecurity | undefined;
  readonly runtime: Runtime;
  readonly limits: ReplicationLimits;
  readonly identity: ReplicaIdentity;
  /** How this replica gets a snapshot; without it, it can only follow the log. */
  readonly snapshots?: { readonly inbox: SnapshotInbox; readonly transport: SnapshotTransport } | undefined;
  /** Finds out more about a divergence, such as the transaction where the histories part. */
  readonly explainDivergence?: ((error: QuorateError) => Promise<QuorateError>) | undefined;
  /** Called with the replica ids of the upstream and of those that it follows; with none when it cannot be reached. */
  readonly onUpstreamPath?: ((path: readonly string[]) => void) | undefined;
}

/** Errors that end the following for good: two histories, or another database. Only new settings start it again. */
const final: ReadonlyMap<ErrorCode, ReplicatorState> = new Map([
  ['DIVERGED', 'diverged'],
  ['SCHEMA_MISMATCH', 'diverged'],
  ['DATABASE_CORRUPT', 'diverged'],
  ['SQL_ERROR', 'diverged'],
  ['CONSTRAINT_VIOLATION', 'diverged'],
  ['WRONG_DATABASE', 'refused'],
  ['PROTOCOL_VERSION', 'refused'],
]);

/** Errors that a person must mend on the other side: shown as such, and tried again now and then. */
const slow: ReadonlyMap<ErrorCode, ReplicatorState> = new Map([
  ['UNAUTHENTICATED', 'refused'],
  ['PERMISSION_DENIED', 'refused'],
  ['DATABASE_NOT_FOUND', 'refused'],
  ['REPLICATION_LOOP', 'refused'],
  ['TLS_FAILED', 'refused'],
  ['SNAPSHOT_REQUIRED', 'snapshot-needed'],
]);

/** Keeps a replica following its upstream: connects, and connects again with backoff, until it is told to stop. */
export class Replicator implements AsyncDisposable {
  readonly #options: ReplicatorOptions;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  /** Between snapshots that were too old when they were there, one after the other. */
  readonly #outpaced: Backoff;
  #running: Promise<void> | undefined;
  #session: OpenSession | undefined;
  #seeding: Seeding | undefined;
  #state: ReplicatorState = 'stopped';
  #reason = '';
  #retries = 0;
  #lastError: ReplicatorStatus['lastError'];
  readonly #lag: LagMeter;

  constructor(options: ReplicatorOptions) {
    this.#options = options;
    this.#lag = newLagMeter(options.runtime.clock, options.limits);
    const { runtime, limits } = options;
    this.#backoff = createBackoff(runtime.random, limits.backoffInitialMs, limits.backoffMaxMs);
    this.#outpaced = createBackoff(runtime.random, limits.backoffInitialMs, limits.refusedRetryMs);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  status(): ReplicatorStatus {
    const { host, port, database } = this.#options.upstream;
    this.#session?.measure();
    return {
      state: this.#state,
      reason: this.#reason,
      upstream: `${host}:${port}/${database}`,
      ...this.#lag.report(),
      retries: this.#retries,
      snapshot: this.#seeding?.progress,
      lastError: this.#lastError,
    };
  }

  /** Whether this replica shows all that its upstream has, as far as is known here. */
  get isLevel(): boolean {
    const { lagTransactions, receivedLagTransactions } = this.#lag;
    return this.#state === 'streaming' && lagTransactions === 0 && receivedLagTransactions === 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#session?.end();
    await this.#running;
    this.#enter('stopped', 'stopped by this node');
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const error = await this.#attempt();
      if (this.#stop.signal.aborted || !(await this.#pause(await this.#explained(error)))) {
        return;
      }
      this.#retries += 1;
    }
  }

  /** One session and, when it ends with the need for a snapshot, the copying of one. */
  async #attempt(): Promise<QuorateError> {
    const error = await this.#follow();
    const { snapshots } = this.#options;
    if (error.code !== 'SNAPSHOT_REQUIRED' || snapshots === undefined || this.#stop.signal.aborted) {
      return error;
    }
    this.#enter('snapshot-needed', error.message);
    try {
      await this.#seed(snapshots);
      this.#backoff.reset();
      // An installation goes on to its end, also when the replicator is stopped meanwhile.
      return this.#stop.signal.aborted ? error : await this.#follow();
    } catch (failure) {
      return asQuorateError(failure);
    }
  }

  async #seed({ inbox, transport }: NonNullable<ReplicatorOptions['snapshots']>): Promise<void> {
    const { upstream, identity, runtime, sink } = this.#options;
    this.#enter('copying', '');
    this.#seeding = new Seeding({
      inbox,
      database: upstream.database,
      open: (request) => transport.openSnapshot(upstream, request, this.#stop.signal),
      identity,
      runtime,
      sink,
      lag: this.#lag,
      onInstalling: () => this.#enter('installing', ''),
    });
    try {
      await this.#seeding.run();
    } finally {
      this.#seeding = undefined;
    }
  }

  /** One session, from connecting to its end. */
  async #follow(): Promise<QuorateError> {
    const { feeds, onUpstreamPath, snapshots } = this.#options;
    let reached = false;
    const ended = Promise.withResolvers<QuorateError | undefined>();
    this.#enter('connecting', '');
    const options = {
      ...this.#options,
      lag: this.#lag,
      acceptsSnapshot: snapshots !== undefined,
      wantsSnapshot: snapshots?.inbox.isRequired === true,
    };
    const listener: SessionListener = {
      onUpstreamPath: (path) => {
        reached = true;
        onUpstreamPath?.(path);
      },
      onStreaming: () => this.#streaming(),
      onEnd: ended.resolve,
    };
    try {
      this.#session =
        feeds === undefined ? localSession(options, listener) : feedSession({ ...options, feeds }, listener);
      this.#enter('negotiating', '');
      const error = await ended.promise;
      return error ?? new QuorateError('UNAVAILABLE', 'the upstream ended the stream');
    } catch (error) {
      return asQuorateError(error);
    } finally {
      // An upstream that breaks off is still the one that was told of; of one that never answers nothing is known.
      if (!reached) {
        onUpstreamPath?.([]);
      }
    }
  }

  #streaming(): void {
    this.#backoff.reset();
    this.#outpaced.reset();
    this.#discardSnapshot().catch((error: unknown) => {
      this.#options.runtime.logger.warn({ error: String(error) }, 'what was received of a snapshot cannot be removed');
    });
    this.#enter('streaming', '');
  }

  /** What was received of a snapshot is not needed any more. */
  async #discardSnapshot(): Promise<void> {
    await this.#options.snapshots?.inbox.discard();
  }

  async #explained(error: QuorateError): Promise<QuorateError> {
    const { explainDivergence } = this.#options;
    if (final.get(error.code) !== 'diverged' || explainDivergence === undefined) {
      return error;
    }
    // Without an explanation the error stands as it is, and whoever stops the replicator does not wait for one.
    const stopped = Promise.withResolvers<QuorateError>();
    const stop = () => stopped.resolve(error);
    this.#stop.signal.addEventListener('abort', stop, { once: true });
    try {
      return await Promise.race([explainDivergence(error).catch(() => error), stopped.promise]);
    } finally {
      this.#stop.signal.removeEventListener('abort', stop);
    }
  }

  /** Records why a session ended and waits for the next attempt; false when there is none. */
  async #pause(error: QuorateError): Promise<boolean> {
    const { runtime } = this.#options;
    const { code, message, hint } = error;
    this.#lastError = { code, message, hint: hint ?? '', atMs: runtime.clock.nowMs() };
    const finalState = final.get(code);
    if (finalState !== undefined) {
      this.#enter(finalState, message);
      return false;
    }
    this.#enter(slow.get(code) ?? 'backing-off', message);
    try {
      await runtime.timers.sleep(this.#delayMs(code), this.#stop.signal);
      return true;
    } catch {
      // Only the stop signal ends the sleep early.
      return false;
    }
  }

  /** The next snapshot is a newer one, so that one which the log had left behind is no reason to wait for a person. */
  #delayMs(code: ErrorCode): number {
    const { limits, snapshots } = this.#options;
    if (code === 'SNAPSHOT_REQUIRED' && snapshots !== undefined) {
      return this.#outpaced.nextDelayMs();
    }
    return slow.has(code) ? limits.refusedRetryMs : this.#backoff.nextDelayMs();
  }

  #enter(state: ReplicatorState, reason: string): void {
    if (state === this.#state && reason === this.#reason) {
      return;
    }
    this.#state = state;
    this.#reason = reason;
    const { upstream, identity, runtime } = this.#options;
    const fields = {
      replica: identity.replicaName,
      upstream: `${upstream.host}:${upstream.port}/${upstream.database}`,
      state,
      reason,
    };
    runtime.logger[reason === '' ? 'info' : 'warn'](fields, `replication is ${state}`);
  }
}
