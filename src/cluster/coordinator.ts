/** The one place where nodes agree on who is primary: small values, changed only under conditions, some of them leased. */
export interface Coordinator extends AsyncDisposable {
  /** @throws QuorateError COORDINATOR_UNAVAILABLE; so does every call */
  get(key: string): Promise<CoordinatorEntry | undefined>;
  /** Everything under a prefix, as it stood at one revision. At most `maxCoordinatorEntries`. */
  list(prefix: string): Promise<CoordinatorView>;
  /** Makes all changes at one new revision when every condition holds, and none of them otherwise. */
  commit(conditions: readonly CoordinatorCondition[], changes: readonly CoordinatorChange[]): Promise<CommitAnswer>;
  /** A lease that ends `ttlMs` after it was last renewed; what was put under it is then deleted. */
  openLease(ttlMs: number): Promise<CoordinatorLease>;
  /**
   * Calls `listener.changed` soon after anything under the prefix has changed, possibly once for several changes, and once at
   * the beginning; the listener reads what it wants to know. It goes on by itself over failures of the coordinator.
   */
  watch(prefix: string, listener: CoordinatorListener): Disposable;
}

export interface CoordinatorListener {
  changed(): void;
}

export interface CoordinatorEntry {
  readonly key: string;
  readonly value: string;
  /** Revision at which the key was made; later than any revision of an earlier entry of the same key. */
  readonly createdRevision: number;
  /** Revision at which the value was last changed. */
  readonly changedRevision: number;
  /** Id of the lease under which it is; absent when it stays. */
  readonly leaseId?: string | undefined;
}

export interface CoordinatorView {
  /** Grows with every change of anything; never goes back, whatever happens to the coordinator's members. */
  readonly revision: number;
  /** In the order of their keys. */
  readonly entries: readonly CoordinatorEntry[];
}

/** The key was last changed at this revision; 0: it does not exist. */
export interface CoordinatorCondition {
  readonly key: string;
  readonly changedRevision: number;
}

export interface CoordinatorChange {
  readonly key: string;
  /** Undefined deletes the key. */
  readonly value: string | undefined;
  readonly leaseId?: string | undefined;
}

export interface CommitAnswer {
  readonly done: boolean;
  /** Of the commit when it was done; else one at which a condition did not hold. */
  readonly revision: number;
}

export interface CoordinatorLease {
  readonly id: string;
  readonly ttlMs: number;
  /** @throws QuorateError LEASE_LOST when it has ended, COORDINATOR_UNAVAILABLE when nobody can say */
  renew(): Promise<void>;
  /** Ends it now; what is under it is deleted. */
  revoke(): Promise<void>;
}

/** Entries under one prefix that are read at once. */
export const maxCoordinatorEntries = 1_000;
/** Bytes of one value. */
export const maxCoordinatorValueBytes = 256 * 1024;
