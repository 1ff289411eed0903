import { isDeepStrictEqual } from 'node:util';
import type { GroupMember, MemberDatabase, MemberPosition } from '../../../cluster/interface.ts';
import type { AckSettings, PauseUntil, Upstream } from '../../../database/interface.ts';
import { QuorateError } from '../../../errors/interface.ts';
import type { ManagedDatabase } from '../managed-database.ts';

/** What the group needs of a database of this node. */
export type GroupedDatabase = Pick<
  ManagedDatabase,
  | 'name'
  | 'opened'
  | 'replicatorStatus'
  | 'attachedReplicas'
  | 'require'
  | 'rearrange'
  | 'update'
  | 'endStreams'
  | 'rejoin'
>;

export interface GroupDatabaseOptions {
  readonly managed: GroupedDatabase;
  readonly nodeId: string;
  /** How a member is followed. */
  readonly upstream: (member: GroupMember) => Upstream;
}

/** A database of this node in the hands of its group. */
export class GroupDatabase implements MemberDatabase {
  readonly #options: GroupDatabaseOptions;
  #leaseUntilMs = -Infinity;

  constructor(options: GroupDatabaseOptions) {
    this.#options = options;
  }

  get #managed(): GroupedDatabase {
    return this.#options.managed;
  }

  get role(): 'primary' | 'replica' {
    return this.#managed.opened?.settings.role ?? 'replica';
  }

  position(): MemberPosition | undefined {
    const { opened } = this.#managed;
    if (opened === undefined || opened.failure() !== undefined) {
      return undefined;
    }
    const { durable, commit, applied, term } = opened.positions();
    return {
      promisedTerm: opened.leadership.promisedTerm,
      durable: { term, txId: durable },
      committedTxId: commit,
      appliedTxId: applied,
    };
  }

  heard(): { term: number; ageMs: number } | undefined {
    const { replicatorStatus, opened } = this.#managed;
    if (replicatorStatus?.state !== 'streaming' || opened === undefined) {
      return undefined;
    }
    return { term: opened.positions().term, ageMs: replicatorStatus.silenceMs };
  }

  silentMs(): number {
    return this.#managed.opened?.writerSilentMs() ?? 0;
  }

  async promise(term: number, candidate: string): Promise<MemberPosition> {
    const { durable, ...position } = await this.#managed.require().leadership.promise(term, candidate);
    return { ...position, durable: { term: durable.term, txId: durable.txId } };
  }

  async lead(term: number, acks: AckSettings): Promise<void> {
    const candidate = this.#options.nodeId;
    await this.#managed.rearrange((database) =>
      database.leadership.lead({ term, candidate, acks, leaseUntilMs: this.#leaseUntilMs }),
    );
  }

  setLease(untilMs: number): void {
    this.#leaseUntilMs = untilMs;
    this.#managed.opened?.leadership.setLease(untilMs);
  }

  async configureAcks(acks: AckSettings): Promise<void> {
    await this.#managed.update((current) => ({ ...current, acks }));
  }

  async stepDown(): Promise<void> {
    await this.#managed.rearrange((database) => database.leadership.stepDown());
  }

  endStreams(): void {
    const reason = new QuorateError('LEASE_LOST', 'this node does not lead the group of the database now', {
      hint: 'The members agree on another primary, or on this one again, in a moment.',
    });
    this.#managed.endStreams(reason);
  }

  async follow(member: GroupMember): Promise<void> {
    const upstream = this.#options.upstream(member);
    const { replication } = this.#managed.require().settings;
    if (!replication.enabled || !isDeepStrictEqual(replication.upstream, upstream)) {
      await this.#managed.update((current) => ({
        ...current,
        replication: { ...current.replication, enabled: true, upstream },
      }));
    }
  }

  async unfollow(): Promise<void> {
    if (this.role === 'replica' && this.#managed.opened?.settings.replication.enabled === true) {
      await this.#managed.update((current) => ({
        ...current,
        replication: { ...current.replication, enabled: false, upstream: undefined },
      }));
    }
  }

  async pauseWrites(limitMs: number, until: PauseUntil): Promise<number> {
    const { txId } = await this.#managed.require().leadership.pauseWrites(limitMs, until);
    return txId;
  }

  async resumeWrites(): Promise<void> {
    await this.#managed.require().leadership.resumeWrites();
  }

  heldBy(nodeId: string): number {
    const replicaId = `${nodeId}/${this.#managed.name}`;
    const attached = this.#managed.attachedReplicas.filter((replica) => replica.replicaId === replicaId);
    return Math.max(0, ...attached.map(({ durableTxId }) => durableTxId));
  }

  get hasDiverged(): boolean {
    return this.#managed.replicatorStatus?.state === 'diverged';
  }

  async rejoin(): Promise<{ transactions: number; file: string | undefined }> {
    const { transactions, file } = await this.#managed.rejoin(false);
    return { transactions, file };
  }
}
