import { isQuorateError, QuorateError } from '../errors/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import {
  type CommitAnswer,
  type Coordinator,
  type CoordinatorChange,
  type CoordinatorCondition,
  type CoordinatorEntry,
  type CoordinatorLease,
  type CoordinatorListener,
  type CoordinatorView,
  maxCoordinatorEntries,
} from './coordinator.ts';
import {
  checkCommit,
  checkKey,
  checkLeaseTtl,
  checkView,
  leaseLost,
  maxCoordinatorWatches,
  PendingCalls,
  viewTooLarge,
} from './coordinator-limits.ts';
import { type EtcdError, etcdUnavailable, failureKind, isLeaseNotFound, isTooLarge } from './etcd-failure.ts';
import { EtcdLease } from './etcd-lease.ts';
import type { EtcdMember } from './etcd-member.ts';
import { confirmation, leaseGrant, range, transaction } from './etcd-requests.ts';
import { EtcdSession, type EtcdSessionOptions } from './etcd-session.ts';
import { keyRange, toCompare, toEntry, toOperation } from './etcd-values.ts';
import { EtcdWatch } from './etcd-watch.ts';

export interface EtcdCoordinatorOptions extends EtcdSessionOptions {
  /** Before every key; not empty. */
  readonly prefix: string;
}

/** The coordinator in an etcd cluster, version 3.4 or newer. `docs/coordinators.md` tells what it survives. */
export class EtcdCoordinator implements Coordinator {
  readonly #prefix: string;
  readonly #timeoutMs: number;
  readonly #session: EtcdSession;
  readonly #runtime: Runtime;
  readonly #watches = new Set<EtcdWatch>();
  readonly #calls = new PendingCalls();

  constructor(options: EtcdCoordinatorOptions, runtime: Runtime) {
    this.#prefix = options.prefix;
    this.#timeoutMs = options.timeoutMs;
    this.#session = new EtcdSession(options, runtime);
    this.#runtime = runtime;
  }

  async get(key: string): Promise<CoordinatorEntry | undefined> {
    checkKey(key);
    const request = { key: Buffer.from(this.#prefix + key), rangeEnd: Buffer.alloc(0), limit: 1n, countOnly: false };
    const { kvs } = await this.#calls.run(() => this.#session.repeat((to) => to.send(range(request))));
    return kvs[0] === undefined ? undefined : toEntry(this.#prefix, kvs[0]);
  }

  async list(prefix: string): Promise<CoordinatorView> {
    const limit = BigInt(maxCoordinatorEntries + 1);
    const request = { ...keyRange(this.#prefix + prefix), limit, countOnly: false };
    try {
      const { header, kvs } = await this.#calls.run(() => this.#session.repeat((to) => to.send(range(request))));
      const entries = kvs.map((found) => toEntry(this.#prefix, found));
      checkView(prefix, entries);
      return { revision: Number(header?.revision), entries };
    } catch (error) {
      throw isTooLarge(error as EtcdError) ? viewTooLarge(prefix) : error;
    }
  }

  async commit(
    conditions: readonly CoordinatorCondition[],
    changes: readonly CoordinatorChange[],
  ): Promise<CommitAnswer> {
    checkCommit(conditions, changes);
    return this.#calls.run(() => this.#commit(conditions, changes));
  }

  async openLease(ttlMs: number): Promise<CoordinatorLease> {
    checkLeaseTtl(ttlMs);
    // One that was granted without an answer ends by itself.
    const grant = leaseGrant(Math.ceil(ttlMs / 1000));
    const granted = await this.#calls.run(() => this.#session.repeat((to) => to.send(grant)));
    return new EtcdLease(granted, this.#session, this.#calls, this.#prefix);
  }

  watch(prefix: string, listener: CoordinatorListener): Disposable {
    if (this.#watches.size >= maxCoordinatorWatches) {
      throw new QuorateError('OVERLOADED', `the coordinator has ${maxCoordinatorWatches} watches already`, {
        details: { limit: maxCoordinatorWatches },
      });
    }
    const watch = new EtcdWatch(this.#session, this.#runtime, this.#prefix + prefix, listener);
    this.#watches.add(watch);
    return {
      [Symbol.dispose]: () => {
        this.#watches.delete(watch);
        watch[Symbol.dispose]();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#calls.close();
    for (const watch of this.#watches) {
      watch[Symbol.dispose]();
    }
    this.#session[Symbol.dispose]();
  }

  /** A commit whose answer is lost may have happened, so it is sent once: to a member that has just shown to have a majority. */
  async #commit(
    conditions: readonly CoordinatorCondition[],
    changes: readonly CoordinatorChange[],
  ): Promise<CommitAnswer> {
    const { clock } = this.#runtime;
    const endMs = clock.monotonicMs() + this.#timeoutMs;
    const member = await this.#session.repeat(async (to) => {
      await to.send(confirmation(this.#prefix));
      return to.member;
    });
    const request = transaction({
      compare: conditions.map((condition) => toCompare(this.#prefix, condition)),
      success: changes.map((change) => toOperation(this.#prefix, change)),
    });
    try {
      const leftMs = Math.max(1, endMs - clock.monotonicMs());
      const { header, succeeded } = await this.#session.attempt(member, leftMs, (to) => to.send(request));
      return { done: succeeded, revision: Number(header?.revision) };
    } catch (error) {
      throw this.#commitFailure(member, error as EtcdError, changes);
    }
  }

  #commitFailure(member: EtcdMember, error: EtcdError, changes: readonly CoordinatorChange[]): QuorateError {
    if (isQuorateError(error)) {
      return error;
    }
    if (isLeaseNotFound(error)) {
      return leaseLost(changes.flatMap(({ leaseId }) => leaseId ?? []).join(', '));
    }
    const inDoubt = failureKind(error) === 'elsewhere';
    if (inDoubt) {
      this.#session.leave(member);
    }
    return etcdUnavailable(new Map([[member.name, error]]), { inDoubt });
  }
}
