import { isDeepStrictEqual } from 'node:util';
import type { Upstream } from '../../database/interface.ts';
import { asQuorateError, QuorateError } from '../../errors/interface.ts';
import type { ErrorInfo, ListDatabasesResponse, ServerFollowerStatus } from '../../proto/interface.ts';
import type { UpstreamDirectory } from '../../replication/interface.ts';
import { type Backoff, createBackoff, type Runtime } from '../../runtime/interface.ts';
import { builtInDatabases, type DatabaseCatalog } from './database-catalog.ts';
import { type FollowPlan, type LocalDatabase, planFollowing } from './follow-plan.ts';
import type { ManagedDatabase } from './managed-database.ts';

/** How often in a row the other server must answer without a database before it is deleted here. */
const answersBeforeDeletion = 2;

export interface ServerFollowerOptions {
  readonly databases: Pick<DatabaseCatalog, 'list' | 'create' | 'change' | 'delete'>;
  readonly directory: UpstreamDirectory;
  readonly runtime: Runtime;
  readonly nodeId: string;
  /** Whom `systemdb` follows: that is the server to follow. Undefined while it follows nobody. */
  readonly upstream: () => Upstream | undefined;
  readonly isWanted: (name: string) => boolean;
  readonly intervalMs: number;
  /** Longest wait while the other server cannot be reached. */
  readonly maxIntervalMs: number;
}

/** Who answered, and where. */
interface FollowedServer {
  readonly id: string;
  readonly upstream: Upstream;
}

/**
 * Keeps the databases of this node those of another one: asks it for them again and again, creates replicas of new ones
 * and deletes those that are gone there. What people made or changed here is left alone.
 */
export class ServerFollower implements AsyncDisposable {
  readonly #options: ServerFollowerOptions;
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  readonly #missing = new Map<string, number>();
  #leftAlone: ReadonlyMap<string, string> = new Map();
  #state = 'asking';
  #lastError: ErrorInfo | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ServerFollowerOptions) {
    const { runtime, intervalMs, maxIntervalMs } = options;
    this.#options = options;
    this.#backoff = createBackoff(runtime.random, intervalMs, Math.max(intervalMs, maxIntervalMs));
  }

  start(): void {
    this.#running ??= this.#run();
  }

  status(): ServerFollowerStatus {
    const upstream = this.#options.upstream();
    return {
      upstream: upstream === undefined ? '' : `${upstream.host}:${upstream.port}`,
      state: this.#state,
      lastError: this.#lastError,
      leftAlone: [...this.#leftAlone].map(([name, reason]) => `${name}: ${reason}`),
    };
  }

  /** Asks no more; what is under way ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { runtime } = this.#options;
    while (!this.#stop.signal.aborted) {
      const delayMs = await this.#round();
      try {
        await runtime.timers.sleep(delayMs, this.#stop.signal);
      } catch {
        // Only the stop signal ends the sleep early.
        return;
      }
    }
  }

  /** Asks once and does what follows from the answer; returns how long to wait before the next time. */
  async #round(): Promise<number> {
    const { directory, intervalMs } = this.#options;
    const upstream = this.#options.upstream();
    if (upstream === undefined) {
      this.#state = 'stopped';
      return intervalMs;
    }
    let answer: ListDatabasesResponse;
    try {
      answer = await directory.listDatabases(upstream, this.#stop.signal);
    } catch (error) {
      this.#unreachable(asQuorateError(error));
      return this.#backoff.nextDelayMs();
    }
    this.#backoff.reset();
    this.#state = 'following';
    this.#lastError = undefined;
    await this.#follow(answer, upstream);
    return intervalMs;
  }

  #unreachable({ code, message, hint = '' }: QuorateError): void {
    const { runtime } = this.#options;
    if (this.#stop.signal.aborted) {
      return;
    }
    if (this.#lastError?.message !== message) {
      runtime.logger.warn({ code, error: message }, 'the followed server cannot be asked for its databases');
    }
    this.#state = 'unreachable';
    this.#lastError = { code, message, hint, atMs: runtime.clock.nowMs() };
  }

  async #follow(answer: ListDatabasesResponse, upstream: Upstream): Promise<void> {
    const { nodeId, databases, isWanted } = this.#options;
    const plan = planFollowing({
      nodeId,
      upstream: answer,
      local: databases.list().map((database) => localDatabase(database, upstream)),
      // The built-in ones follow by the flags of the server, whatever the other one says.
      isWanted: (name) => !builtInDatabases.has(name) && isWanted(name),
    });
    const leftAlone = new Map(plan.leftAlone);
    const attempt = async (name: string, action: () => Promise<unknown>) => {
      try {
        await action();
      } catch (error) {
        leftAlone.set(name, asQuorateError(error).message);
      }
    };
    await this.#carryOut(plan, { id: answer.nodeId, upstream }, attempt);
    this.#leave(leftAlone);
  }

  async #carryOut(
    { create, redirect, missing }: FollowPlan,
    server: FollowedServer,
    attempt: (name: string, action: () => Promise<unknown>) => Promise<void>,
  ): Promise<void> {
    for (const name of create) {
      await attempt(name, () => this.#create(name, server));
    }
    for (const name of redirect) {
      await attempt(name, () => this.#redirect(name, server));
    }
    for (const name of this.#countMissing(missing)) {
      await attempt(name, () => this.#delete(name, server));
    }
  }

  /** The names that the other server has answered without often enough. */
  #countMissing(missing: readonly string[]): string[] {
    const counts = missing.map((name) => [name, (this.#missing.get(name) ?? 0) + 1] as const);
    this.#missing.clear();
    for (const [name, count] of counts) {
      this.#missing.set(name, count);
    }
    return counts.filter(([, count]) => count >= answersBeforeDeletion).map(([name]) => name);
  }

  async #create(name: string, { id, upstream }: FollowedServer): Promise<void> {
    const { databases, runtime } = this.#options;
    if (this.#stop.signal.aborted) {
      return;
    }
    await databases.create(name, { ...upstream, role: '', enabled: true, database: name, followed: id });
    runtime.logger.info({ database: name }, 'is new on the followed server and is followed');
  }

  async #redirect(name: string, { id, upstream }: FollowedServer): Promise<void> {
    await this.#options.databases.change(name, (_name, current) => {
      requireFollowed(name, current.replication.followed);
      const followed = { enabled: true, upstream: { ...upstream, database: name }, followed: id };
      return { ...current, replication: { ...current.replication, ...followed } };
    });
  }

  async #delete(name: string, { id }: FollowedServer): Promise<void> {
    const { databases, runtime } = this.#options;
    await databases.delete(name, ({ settings }) => requireFollowed(name, settings?.replication.followed, id));
    this.#missing.delete(name);
    runtime.logger.warn({ database: name }, 'was deleted on the followed server and is deleted here');
  }

  /** Logs each name once for each reason. */
  #leave(leftAlone: ReadonlyMap<string, string>): void {
    for (const [database, reason] of leftAlone) {
      if (this.#leftAlone.get(database) !== reason) {
        this.#options.runtime.logger.warn({ database, reason }, 'a database of the followed server is not followed');
      }
    }
    this.#leftAlone = leftAlone;
  }
}

function localDatabase({ name, settings, opened }: ManagedDatabase, upstream: Upstream): LocalDatabase {
  const { enabled = false, upstream: present, followed } = settings?.replication ?? {};
  const isCurrent = enabled && isDeepStrictEqual(present, { ...upstream, database: name });
  return {
    name,
    databaseId: opened?.databaseId ?? new Uint8Array(),
    followed,
    // The settings of a database that is not open cannot be changed; it is looked at again when it is.
    isCurrent: opened === undefined || isCurrent,
  };
}

/** Throws when people have taken a database over meanwhile. */
function requireFollowed(name: string, followed: string | undefined, upstreamId = followed): void {
  if (followed === undefined || followed !== upstreamId) {
    throw new QuorateError('WRONG_ROLE', `database ${name} does not belong to the followed server any more`);
  }
}
