import { QuorateError } from '../errors/interface.ts';
import type { etcd } from '../proto/interface.ts';
import type { CoordinatorLease } from './coordinator.ts';
import { leaseLost, type PendingCalls } from './coordinator-limits.ts';
import { type EtcdError, isLeaseNotFound } from './etcd-failure.ts';
import { confirmation, leaseKeepAlive, leaseRevoke } from './etcd-requests.ts';
import type { EtcdAttempt, EtcdSession } from './etcd-session.ts';
import { leaseName } from './etcd-values.ts';

/** Looks at a lease in one attempt, while the leader of etcd changes. */
const maxLooks = 3;

export class EtcdLease implements CoordinatorLease {
  readonly id: string;
  readonly ttlMs: number;
  readonly #number: bigint;
  readonly #session: EtcdSession;
  readonly #calls: PendingCalls;
  readonly #prefix: string;

  constructor(granted: etcd.LeaseGrantResponse, session: EtcdSession, calls: PendingCalls, prefix: string) {
    this.id = leaseName(granted.ID);
    this.ttlMs = Number(granted.TTL) * 1000;
    this.#number = granted.ID;
    this.#session = session;
    this.#calls = calls;
    this.#prefix = prefix;
  }

  renew(): Promise<void> {
    return this.#calls.run(() => this.#session.repeat((to) => this.#renewOnce(to)));
  }

  async revoke(): Promise<void> {
    try {
      await this.#calls.run(() => this.#session.repeat((to) => to.send(leaseRevoke(this.#number))));
    } catch (error) {
      if (!isLeaseNotFound(error as EtcdError)) {
        throw error;
      }
    }
  }

  /**
   * A leader that has been replaced and does not know it yet may still renew a lease, which the new leader then ends earlier.
   * So a renewal counts when the member was in one term of Raft before it and after a read that a majority confirmed: the
   * leader of that term is the one that was asked. A lease that is not known is looked for again after such a read, since
   * a new leader may not have caught up.
   */
  async #renewOnce(to: EtcdAttempt): Promise<void> {
    for (let looks = 0; looks < maxLooks; looks += 1) {
      const { TTL: ttlSeconds, header } = await to.send(leaseKeepAlive(this.#number));
      const { header: confirmed } = await to.send(confirmation(this.#prefix));
      const isSameTerm = header?.raftTerm === confirmed?.raftTerm;
      if (isSameTerm && ttlSeconds > 0n) {
        return;
      }
      if (isSameTerm && looks > 0) {
        throw leaseLost(this.id);
      }
    }
    throw new QuorateError('COORDINATOR_UNAVAILABLE', 'the leader of etcd changes');
  }
}
