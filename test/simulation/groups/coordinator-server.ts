import { checkView, leaseLost } from '../../../src/cluster/coordinator-limits.ts';
import type {
  CommitAnswer,
  CoordinatorChange,
  CoordinatorCondition,
  CoordinatorEntry,
  CoordinatorView,
} from '../../../src/cluster/interface.ts';
import type { ScheduledEvent, SimulatedTime } from '../simulated-time.ts';
import { world } from '../simulated-time.ts';

/** A coordinator that is right by construction: one map, one revision, one thing at a time. It survives everything. */
export class CoordinatorServer {
  readonly name = 'coordinator';
  readonly process = world;
  readonly #time: SimulatedTime;
  readonly #entries = new Map<string, CoordinatorEntry>();
  readonly #leases = new Map<string, { readonly ttlMs: number; end: ScheduledEvent }>();
  readonly #watches = new Set<{ readonly prefix: string; readonly changed: () => void }>();
  #revision = 1;
  #downUntilMs = 0;

  constructor(time: SimulatedTime) {
    this.#time = time;
  }

  /** Nobody gets an answer for a while. */
  fail(durationMs: number): void {
    this.#downUntilMs = this.#time.nowMs + durationMs;
  }

  get isDown(): boolean {
    return this.#downUntilMs > this.#time.nowMs;
  }

  get(key: string): CoordinatorEntry | undefined {
    return this.#entries.get(key);
  }

  /** @throws QuorateError RESULT_TOO_LARGE */
  list(prefix: string): CoordinatorView {
    const entries = [...this.#entries.values()].filter(({ key }) => key.startsWith(prefix));
    checkView(prefix, entries);
    return { revision: this.#revision, entries: entries.sort((a, b) => Buffer.compare(bytes(a), bytes(b))) };
  }

  /** @throws QuorateError LEASE_LOST */
  commit(conditions: readonly CoordinatorCondition[], changes: readonly CoordinatorChange[]): CommitAnswer {
    const gone = changes.find(({ leaseId }) => leaseId !== undefined && !this.#leases.has(leaseId));
    if (gone?.leaseId !== undefined) {
      throw leaseLost(gone.leaseId);
    }
    const holds = conditions.every(
      ({ key, changedRevision }) => (this.#entries.get(key)?.changedRevision ?? 0) === changedRevision,
    );
    if (holds) {
      this.#change(changes);
    }
    return { done: holds, revision: this.#revision };
  }

  #change(changes: readonly CoordinatorChange[]): void {
    this.#revision += 1;
    const changedRevision = this.#revision;
    for (const { key, value, leaseId } of changes) {
      const { createdRevision = changedRevision } = this.#entries.get(key) ?? {};
      this.#entries.delete(key);
      if (value !== undefined) {
        this.#entries.set(key, { key, value, createdRevision, changedRevision, leaseId });
      }
    }
    for (const { prefix, changed } of this.#watches) {
      if (changes.some(({ key }) => key.startsWith(prefix))) {
        changed();
      }
    }
  }

  openLease(ttlMs: number): string {
    const id = `lease ${this.#revision}.${this.#leases.size}`;
    this.#leases.set(id, { ttlMs, end: this.#endLater(id, ttlMs) });
    this.#revision += 1;
    return id;
  }

  /** @throws QuorateError LEASE_LOST */
  renew(id: string): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) {
      throw leaseLost(id);
    }
    lease.end.cancel();
    lease.end = this.#endLater(id, lease.ttlMs);
  }

  #endLater(id: string, ttlMs: number): ScheduledEvent {
    return this.#time.after(ttlMs, world, () => this.revoke(id));
  }

  revoke(id: string): void {
    this.#leases.get(id)?.end.cancel();
    this.#leases.delete(id);
    const held = [...this.#entries.values()].filter(({ leaseId }) => leaseId === id);
    if (held.length > 0) {
      this.#change(held.map(({ key }) => ({ key, value: undefined })));
    }
  }

  watch(prefix: string, changed: () => void): Disposable {
    const watch = { prefix, changed };
    this.#watches.add(watch);
    return { [Symbol.dispose]: () => void this.#watches.delete(watch) };
  }
}

function bytes({ key }: CoordinatorEntry): Buffer {
  return Buffer.from(key);
}
