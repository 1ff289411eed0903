import { followingOptions, limitValues } from '../config/interface.ts';
import { asQuorateError, type ErrorCode, QuorateError } from '../errors/interface.ts';
import { createNodeRuntime, type Runtime } from '../runtime/interface.ts';
import { checkConsistency } from './consistency.ts';
import { Credentials } from './credentials.ts';
import { Discovery } from './discovery.ts';
import { Executor } from './executor.ts';
import { Operations } from './operations.ts';
import { Session } from './session.ts';
import type { ClientStatus, ConnectOptions, Topology } from './types.ts';

/** A mistake of the program, which no time mends. */
const final: ReadonlySet<ErrorCode> = new Set([
  'UNAUTHENTICATED',
  'PERMISSION_DENIED',
  'DATABASE_NOT_FOUND',
  'INVALID_ARGUMENT',
  'TLS_FAILED',
]);

interface ClientParts {
  readonly discovery: Discovery;
  readonly operations: Operations;
  readonly executor: Executor;
}

/**
 * A client of one database on several nodes: writes go to the primary, whoever that is, and reads to the nodes that show what
 * they ask for. Its own methods are those of one session.
 */
export class FollowingClient extends Session implements AsyncDisposable {
  readonly #parts: ClientParts;

  constructor(parts: ClientParts) {
    super(parts.executor);
    this.#parts = parts;
  }

  /** Another session, which begins with nothing, or with what a token of another process tells. */
  session(token?: string): Session {
    return new Session(this.#parts.executor, token);
  }

  get topology(): Topology {
    return this.#parts.discovery.topology;
  }

  /** Calls back when the primary, the term or the nodes have changed, until the returned function is called. */
  onTopologyChange(listener: (topology: Topology) => void): () => void {
    return this.#parts.discovery.subscribe(listener);
  }

  status(): ClientStatus {
    const { discovery, operations } = this.#parts;
    return { topology: discovery.topology, ...operations.counts, nodes: discovery.links.map((link) => link.use()) };
  }

  /** Ends all connections; what waits fails with CANCELLED, and writes without an answer with COMMIT_IN_DOUBT. */
  async close(): Promise<void> {
    this.#parts.operations.close();
    this.#parts.discovery.close();
    await Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/**
 * Finds the nodes of a database, from any of their addresses.
 * @throws QuorateError UNAVAILABLE when no node answers within `timeoutMs`; UNAUTHENTICATED, PERMISSION_DENIED,
 * DATABASE_NOT_FOUND, INVALID_ARGUMENT
 */
export async function connect(options: ConnectOptions): Promise<FollowingClient> {
  return await connectOn(createNodeRuntime(options.logger), options);
}

async function connectOn(runtime: Runtime, options: ConnectOptions): Promise<FollowingClient> {
  const { nodes, database, token, user, password, ca, zone } = options;
  const { readPreference = 'nearest', consistency = 'session', idempotent = true } = options;
  checkConsistency(consistency);
  const limits = limitValues(followingOptions, options.limits ?? {});
  const credentials = new Credentials({ token, user, password, ca, timeoutMs: limits.connectTimeoutMs });
  const discovery = new Discovery({ nodes, database, credentials, limits, ca, runtime });
  await firstAnswer(discovery, runtime, limits.timeoutMs);
  discovery.start();
  const { canLogIn } = credentials;
  const operations = new Operations({ discovery, limits, runtime, zone, canLogIn });
  const executor = new Executor({ operations, limits, runtime, readPreference, consistency, idempotent });
  return new FollowingClient({ discovery, operations, executor });
}

/** Asks until a node answers. */
async function firstAnswer(discovery: Discovery, { clock, timers }: Runtime, timeoutMs: number): Promise<void> {
  const pauseMs = 100;
  const untilMs = clock.monotonicMs() + timeoutMs;
  const answered = Promise.withResolvers<void>();
  const unsubscribe = discovery.subscribe(() => answered.resolve());
  try {
    for (;;) {
      await Promise.race([discovery.refresh(), answered.promise]);
      if (discovery.topology.members.length > 0) {
        return;
      }
      const error = asQuorateError(discovery.lastError ?? new QuorateError('UNAVAILABLE', 'no node answers'));
      if (final.has(error.code) || clock.monotonicMs() + pauseMs > untilMs) {
        throw error;
      }
      await timers.sleep(pauseMs);
    }
  } catch (error) {
    discovery.close();
    throw error;
  } finally {
    unsubscribe();
  }
}
