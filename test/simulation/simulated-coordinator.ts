import { checkCommit, checkKey, checkLeaseTtl, checkView, leaseLost } from '../../src/cluster/coordinator-limits.ts';
import type {
  CommitAnswer,
  Coordinator,
  CoordinatorChange,
  CoordinatorCondition,
  CoordinatorEntry,
  CoordinatorLease,
  CoordinatorListener,
} from '../../src/cluster/interface.ts';
import { QuorateError } from '../../src/errors/interface.ts';
import type { Runtime } from '../../src/runtime/interface.ts';

/** What becomes of a message to the coordinator or from it: milliseconds on its way, or undefined when it is lost. */
export type MessageFate = number | undefined;

/** The way between one node and the coordinator; asked anew for every message. */
export interface CoordinatorPath {
  toCoordinator(): MessageFate;
  fromCoordinator(): MessageFate;
}

interface StoredLease {
  readonly ttlMs: number;
  endsAtMs: number;
}

interface StoredWatch {
  readonly prefix: string;
  tell(): void;
}

/** Milliseconds until a node that was not reached is told again that something has changed. */
const retellMs = 50;

/**
 * A coordinator in memory, by the clock and the timers of its own machine, so that a seed decides all that happens to it.
 * Nodes reach it through `client`.
 */
export class SimulatedCoordinator {
  readonly #runtime: Runtime;
  readonly #entries = new Map<string, CoordinatorEntry>();
  readonly #leases = new Map<string, StoredLease>();
  readonly #watches = new Set<StoredWatch>();
  #revision = 0;
  #leaseCount = 0;
  /** Whether requests are answered; without it they are lost, and leases do not end. */
  available = true;

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** The coordinator as one node has it. @param timeoutMs after which the node gives a call up */
  client(runtime: Runtime, path: CoordinatorPath, timeoutMs: number): Coordinator {
    return new SimulatedClient(this, runtime, path, timeoutMs);
  }

  /** Does something on the coordinator's machine after a delay; nothing when it is not available then. */
  perform(delayMs: number, action: () => void): void {
    this.#runtime.timers.after(delayMs, () => {
      if (this.available) {
        this.removeEnded();
        action();
      }
    });
  }

  get(key: string): CoordinatorEntry | undefined {
    return this.#entries.get(key);
  }

  list(prefix: string) {
    const entries = [...this.#entries.values()]
      .filter(({ key }) => key.startsWith(prefix))
      .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
    checkView(prefix, entries);
    return { revision: this.#revision, entries };
  }

  commit(conditions: readonly CoordinatorCondition[], changes: readonly CoordinatorChange[]): CommitAnswer {
    const holds = ({ key, changedRevision }: CoordinatorCondition) =>
      (this.#entries.get(key)?.changedRevision ?? 0) === changedRevision;
    if (!conditions.every(holds)) {
      return { done: false, revision: this.#revision };
    }
    for (const { leaseId } of changes) {
      if (leaseId !== undefined && !this.#leases.has(leaseId)) {
        throw leaseLost(leaseId);
      }
    }
    this.#change(changes);
    return { done: true, revision: this.#revision };
  }

  openLease(ttlMs: number): string {
    this.#leaseCount += 1;
    const id = String(this.#leaseCount);
    this.#leases.set(id, { ttlMs, endsAtMs: this.#nowMs() + ttlMs });
    this.#awaitEnd(ttlMs);
    return id;
  }

  renew(id: string): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) {
      throw leaseLost(id);
    }
    lease.endsAtMs = this.#nowMs() + lease.ttlMs;
    this.#awaitEnd(lease.ttlMs);
  }

  revoke(id: string): void {
    this.#leases.delete(id);
    const gone = [...this.#entries.values()].filter(({ leaseId }) => leaseId === id);
    this.#change(gone.map(({ key }) => ({ key, value: undefined })));
  }

  watch(watch: StoredWatch): Disposable {
    this.#watches.add(watch);
    return { [Symbol.dispose]: () => this.#watches.delete(watch) };
  }

  isWatched(watch: StoredWatch): boolean {
    return this.#watches.has(watch);
  }

  removeEnded(): void {
    for (const [id, { endsAtMs }] of this.#leases) {
      if (endsAtMs <= this.#nowMs()) {
        this.revoke(id);
      }
    }
  }

  #awaitEnd(ttlMs: number): void {
    this.perform(ttlMs, () => {});
  }

  #change(changes: readonly CoordinatorChange[]): void {
    if (changes.length === 0) {
      return;
    }
    this.#revision += 1;
    for (const { key, value, leaseId } of changes) {
      const createdRevision = this.#entries.get(key)?.createdRevision ?? this.#revision;
      if (value === undefined) {
        this.#entries.delete(key);
      } else {
        this.#entries.set(key, { key, value, createdRevision, changedRevision: this.#revision, leaseId });
      }
    }
    for (const watch of this.#watches) {
      if (changes.some(({ key }) => key.startsWith(watch.prefix))) {
        watch.tell();
      }
    }
  }

  #nowMs(): number {
    return this.#runtime.clock.monotonicMs();
  }
}

/** One node's end. What a node waits for goes through its own timers: it is lost with the node and waits while that is paused. */
class SimulatedClient implements Coordinator {
  readonly #coordinator: SimulatedCoordinator;
  readonly #runtime: Runtime;
  readonly #path: CoordinatorPath;
  readonly #timeoutMs: number;
  readonly #watches = new Set<Disposable>();
  #closed = false;

  constructor(coordinator: SimulatedCoordinator, runtime: Runtime, path: CoordinatorPath, timeoutMs: number) {
    this.#coordinator = coordinator;
    this.#runtime = runtime;
    this.#path = path;
    this.#timeoutMs = timeoutMs;
  }

  async get(key: string) {
    checkKey(key);
    return this.#call(() => this.#coordinator.get(key));
  }

  list(prefix: string) {
    return this.#call(() => this.#coordinator.list(prefix));
  }

  async commit(conditions: readonly CoordinatorCondition[], changes: readonly CoordinatorChange[]) {
    checkCommit(conditions, changes);
    return this.#call(() => this.#coordinator.commit(conditions, changes));
  }

  async openLease(ttlMs: number): Promise<CoordinatorLease> {
    checkLeaseTtl(ttlMs);
    const id = await this.#call(() => this.#coordinator.openLease(ttlMs));
    return {
      id,
      ttlMs,
      renew: () => this.#call(() => this.#coordinator.renew(id)),
      revoke: () => this.#call(() => this.#coordinator.revoke(id)),
    };
  }

  watch(prefix: string, listener: CoordinatorListener): Disposable {
    const watch: StoredWatch = { prefix, tell: () => this.#tell(watch, listener) };
    const stored = this.#coordinator.watch(watch);
    this.#watches.add(stored);
    watch.tell();
    return stored;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const watch of this.#watches) {
      watch[Symbol.dispose]();
    }
  }

  /** Tells the node of a change, again and again until it is reached. */
  #tell(watch: StoredWatch, listener: CoordinatorListener): void {
    const delayMs = this.#path.fromCoordinator();
    if (delayMs === undefined || !this.#coordinator.available) {
      this.#runtime.timers.after(retellMs, () => this.#tell(watch, listener));
      return;
    }
    this.#runtime.timers.after(delayMs, () => {
      if (this.#coordinator.isWatched(watch)) {
        try {
          listener.changed();
        } catch (error) {
          this.#runtime.logger.error({ err: error }, 'a watch of the coordinator failed');
        }
      }
    });
  }

  #call<Result>(action: () => Result): Promise<Result> {
    if (this.#closed) {
      return Promise.reject(new QuorateError('CANCELLED', 'the coordinator is closed'));
    }
    const { timers } = this.#runtime;
    return new Promise((resolve, reject) => {
      const timeout = timers.after(this.#timeoutMs, () =>
        reject(new QuorateError('COORDINATOR_UNAVAILABLE', 'the simulated coordinator does not answer')),
      );
      const answer = (settle: () => void) => {
        const delayMs = this.#path.fromCoordinator();
        if (delayMs !== undefined) {
          timers.after(delayMs, () => {
            timeout.cancel();
            settle();
          });
        }
      };
      const requestMs = this.#path.toCoordinator();
      if (requestMs === undefined) {
        return;
      }
      this.#coordinator.perform(requestMs, () => {
        try {
          const result = action();
          answer(() => resolve(result));
        } catch (error) {
          answer(() => reject(error));
        }
      });
    });
  }
}
