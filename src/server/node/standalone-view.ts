import type { NodeClient } from '../../client/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { AttachedReplica, DatabaseStatus, StatusResponse } from '../../proto/interface.ts';
import type { Runtime } from '../../runtime/interface.ts';
import type { ClusterMember, ClusterReport, ClusterView } from './cluster-view.ts';
import type { DatabaseCatalog } from './database-catalog.ts';
import type { UpstreamClients } from './upstream-clients.ts';

export interface StandaloneViewOptions {
  readonly databases: DatabaseCatalog;
  readonly upstreams: UpstreamClients;
  readonly runtime: Runtime;
  readonly status: (database: string) => StatusResponse;
}

/** Milliseconds for which an answer of the upstream is good. */
const freshMs = 1_000;
/** Milliseconds that a client waits for an answer of the upstream; what came before is told meanwhile. */
const askLimitMs = 500;

/** What the upstream of a database said last. */
interface UpstreamWord {
  readonly status: StatusResponse | undefined;
  readonly askedAtMs: number;
  readonly isReachable: boolean;
}

const nothingKnown: UpstreamWord = { status: undefined, askedAtMs: -Infinity, isReachable: false };

/**
 * The view of a node whose databases are in no group: a primary knows the replicas that are attached to it, and a replica
 * asks its upstream.
 */
export class StandaloneView implements ClusterView {
  readonly #options: StandaloneViewOptions;
  /** By database; those that are gone are removed. */
  readonly #words = new Map<string, UpstreamWord>();
  readonly #asking = new Map<string, Promise<void>>();

  constructor(options: StandaloneViewOptions) {
    this.#options = options;
  }

  async report(name: string): Promise<ClusterReport> {
    const { databases, runtime, status } = this.#options;
    this.#forgetDeleted();
    const isReplica = databases.get(name).settings?.role === 'replica';
    const word = isReplica ? await this.#word(name) : nothingKnown;
    const own = status(name);
    const views = word.status === undefined ? [own] : [own, word.status];
    const best = views.reduce((a, b) => (termOf(b) >= termOf(a) ? b : a));
    return {
      database: name,
      databaseId: own.databases[0]?.databaseId.toString('hex') ?? '',
      nodeId: own.nodeId,
      term: termOf(best),
      primary: best.databases[0]?.role === 'primary' ? best.nodeId : null,
      asOfMs: Math.floor(runtime.clock.nowMs()),
      members: membersOf(own, word),
    };
  }

  /** A database without a group has no other authority than its own role. */
  async confirmLeadership(name: string): Promise<void> {
    if (this.#options.databases.require(name).settings.role !== 'primary') {
      throw new QuorateError('LEASE_LOST', `database ${name} is not a primary here any more`);
    }
    await Promise.resolve();
  }

  async #word(name: string): Promise<UpstreamWord> {
    const { clock, timers } = this.#options.runtime;
    const known = this.#words.get(name) ?? nothingKnown;
    if (clock.monotonicMs() - known.askedAtMs < freshMs) {
      return known;
    }
    const asking = this.#asking.get(name) ?? this.#ask(name, known);
    const stop = new AbortController();
    await Promise.race([asking, timers.sleep(askLimitMs, stop.signal).catch(() => {})]);
    stop.abort();
    return this.#words.get(name) ?? nothingKnown;
  }

  #ask(name: string, known: UpstreamWord): Promise<void> {
    const { databases, upstreams, runtime } = this.#options;
    const note = (status: StatusResponse | undefined, isReachable: boolean) =>
      this.#words.set(name, { status, askedAtMs: runtime.clock.monotonicMs(), isReachable });
    const ask = async () => {
      const database = databases.require(name);
      note(await upstreams.use(database, (client: NodeClient, there) => client.status(there)), true);
    };
    const asking = ask()
      .catch(() => void note(known.status, false))
      .finally(() => this.#asking.delete(name));
    this.#asking.set(name, asking);
    return asking;
  }

  #forgetDeleted(): void {
    for (const name of this.#words.keys()) {
      if (!this.#options.databases.has(name)) {
        this.#words.delete(name);
      }
    }
  }
}

function termOf({ databases }: StatusResponse): number {
  return databases[0]?.term ?? 0;
}

/** What a node says of itself counts more than what others say of it. */
function membersOf(own: StatusResponse, { status, isReachable }: UpstreamWord): ClusterMember[] {
  const members = new Map<string, ClusterMember>();
  for (const [view, reachable] of [[status, isReachable] as const, [own, true] as const]) {
    const [database] = view?.databases ?? [];
    if (view === undefined || database === undefined) {
      continue;
    }
    for (const replica of database.replicas) {
      const member = attachedMember(replica, database);
      members.set(member.nodeId, member);
    }
    members.set(view.nodeId, selfMember(view, database, reachable));
  }
  return [...members.values()];
}

function selfMember({ nodeId, nodeName, httpUrl }: StatusResponse, status: DatabaseStatus, reachable: boolean) {
  const { role, replicator, appliedTxId, state } = status;
  const isPrimary = role === 'primary';
  return {
    ...{ nodeId, name: nodeName, httpUrl: httpUrl || null, zone: '', txId: appliedTxId },
    role: isPrimary ? ('primary' as const) : ('replica' as const),
    state: reachable ? (replicator?.state ?? state) : 'unreachable',
    lagMs: isPrimary ? 0 : (replicator?.lagMs ?? null),
    lagTransactions: isPrimary ? 0 : (replicator?.lagTransactions ?? null),
    isSync: replicator?.isSync === true,
  };
}

function attachedMember(replica: AttachedReplica, upstream: DatabaseStatus): ClusterMember {
  const { replicaId, replicaName, httpUrl, appliedTxId } = replica;
  return {
    ...{ nodeId: replicaId.split('/')[0] ?? '', name: replicaName, httpUrl: httpUrl || null, zone: '' },
    ...{ role: 'replica', state: 'streaming', lagMs: null, txId: appliedTxId },
    lagTransactions: Math.max(0, upstream.commitTxId - appliedTxId),
    isSync: false,
  };
}
