import type { NodeClient } from '../../client/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { StatusResponse } from '../../proto/interface.ts';
import type { Runtime } from '../../runtime/interface.ts';
import { attachedMember, selfMember } from './cluster-member.ts';
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

  /** A database in no group has no lease, and no other authority than its own role. */
  async confirmLeadership(name: string): Promise<void> {
    if (!this.#options.databases.require(name).leadership.isLeaseValid()) {
      throw new QuorateError('LEASE_LOST', `database ${name} is not, or not yet or no longer, the primary here`, {
        hint: 'Try again, on the primary.',
      });
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
