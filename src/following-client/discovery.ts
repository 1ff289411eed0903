import { isDeepStrictEqual } from 'node:util';
import { asQuorateError, QuorateError } from '../errors/interface.ts';
import type { Runtime, Timer } from '../runtime/interface.ts';
import type { Credentials } from './credentials.ts';
import { requestJson } from './http-json.ts';
import { NodeLink, type NodeLinkOptions } from './node-link.ts';
import type { Candidate } from './node-order.ts';
import { mergeViews, type NodeView, nodeViewOf, noTopology } from './topology.ts';
import type { ClientLimits, MemberView, Topology } from './types.ts';

export interface DiscoveryOptions {
  readonly nodes: readonly string[];
  readonly database: string;
  readonly credentials: Credentials;
  readonly limits: ClientLimits;
  readonly ca: string | undefined;
  readonly runtime: Runtime;
}

export type ReadCandidate = Candidate & { readonly link: NodeLink };

/** Finds the nodes of a database, and who of them is primary, by asking all that are known. */
export class Discovery {
  readonly #options: DiscoveryOptions;
  /** By address. */
  readonly #links = new Map<string, NodeLink>();
  /** The last word of each node that answers. */
  readonly #views = new Map<NodeLink, NodeView>();
  readonly #listeners = new Set<(topology: Topology) => void>();
  readonly #asking = new Map<NodeLink, Promise<void>>();
  readonly #askedMs = new WeakMap<NodeLink, number>();
  #timer: Timer | undefined;
  #closed = false;
  #topology: Topology = noTopology;
  #lastError: QuorateError | undefined;

  /** @throws QuorateError INVALID_ARGUMENT for what is no HTTP address */
  constructor(options: DiscoveryOptions) {
    this.#options = options;
    for (const url of options.nodes) {
      this.#add(originOf(url));
    }
    if (this.#links.size === 0) {
      throw new QuorateError('INVALID_ARGUMENT', 'connect needs the address of a node');
    }
  }

  get topology(): Topology {
    return this.#topology;
  }

  get links(): readonly NodeLink[] {
    return [...this.#links.values()];
  }

  /** Why the last question to a node failed. */
  get lastError(): QuorateError | undefined {
    return this.#lastError;
  }

  /** Calls back after every change, until the returned function is called. */
  subscribe(listener: (topology: Topology) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The primary, if somebody is known to be it and can be reached. */
  primary(): NodeLink | undefined {
    const { primary } = this.#topology;
    return primary === null ? undefined : this.#linkOf(primary);
  }

  /** All nodes that may answer reads. */
  candidates(): ReadCandidate[] {
    const { primary, members } = this.#topology;
    const byId = new Map(members.map((member) => [member.nodeId, member]));
    return this.links.flatMap((link) => {
      const member = link.nodeId === undefined ? undefined : byId.get(link.nodeId);
      const { isExcluded, latencyMs } = link;
      const isPrimary = link.nodeId !== undefined && link.nodeId === primary;
      return member?.role === 'witness' ? [] : [{ link, member, isExcluded, latencyMs, isPrimary }];
    });
  }

  /** Asks everybody now and then. */
  start(): void {
    const { limits, runtime } = this.#options;
    const again = async () => {
      await this.refresh();
      this.#timer = this.#closed ? undefined : runtime.timers.after(limits.topologyIntervalMs, () => void again());
    };
    void again();
  }

  /** Asks everybody, and the nodes that are found by it. Never throws. */
  async refresh(): Promise<void> {
    const asked = new Set<NodeLink>();
    const askAll = async (): Promise<void> => {
      const others = this.links.filter((link) => !asked.has(link));
      await Promise.all(
        others.map(async (link) => {
          asked.add(link);
          await this.#ask(link);
          await askAll();
        }),
      );
    };
    await askAll();
    this.#forgetGone();
  }

  /** One question to a node at a time, and not at once after the last: whatever has failed makes many want to know. */
  #ask(link: NodeLink): Promise<void> {
    const { limits, runtime } = this.#options;
    const nowMs = runtime.clock.monotonicMs();
    const running = this.#asking.get(link);
    if (
      running !== undefined ||
      this.#closed ||
      nowMs - (this.#askedMs.get(link) ?? -Infinity) < limits.backoffInitialMs
    ) {
      return running ?? Promise.resolve();
    }
    const asking = this.#askOne(link).finally(() => {
      this.#asking.delete(link);
      this.#askedMs.set(link, runtime.clock.monotonicMs());
    });
    this.#asking.set(link, asking);
    return asking;
  }

  async #askOne(link: NodeLink): Promise<void> {
    const { database, credentials, limits, ca, runtime } = this.#options;
    const { connectTimeoutMs: timeoutMs } = limits;
    const url = new URL(`/v1/cluster/${database}`, link.url);
    try {
      const token = await credentials.tokenFor(link.url);
      const startMs = runtime.clock.monotonicMs();
      const view = nodeViewOf(await requestJson({ url, token, timeoutMs, ca }));
      link.succeeded(runtime.clock.monotonicMs() - startMs);
      link.nodeId = view.nodeId;
      this.#views.set(link, view);
    } catch (thrown) {
      const error = asQuorateError(thrown);
      link.noteRefusal(error);
      link.failed();
      this.#lastError = error;
      this.#views.delete(link);
    }
    this.#merge();
  }

  #merge(): void {
    if (this.#closed) {
      return;
    }
    const before = this.#topology;
    const merged = mergeViews([...this.#views.values()]);
    // Whoever has seen a term never follows a lower one again, whatever the nodes say that are left.
    this.#topology = merged.term < before.term ? { ...before, primary: null } : merged;
    for (const member of this.#topology.members) {
      this.#discover(member);
    }
    if (before.primary !== this.#topology.primary) {
      this.#leave(before.primary);
    }
    if (!isDeepStrictEqual(identityOf(before), identityOf(this.#topology))) {
      for (const listener of this.#listeners) {
        listener(this.#topology);
      }
    }
  }

  /** What was asked of a primary that has gone is not to wait for it any longer. */
  #leave(nodeId: string | null): void {
    const link = nodeId === null ? undefined : this.#linkOf(nodeId);
    if (this.#topology.primary !== null && link !== undefined && !this.#views.has(link)) {
      link.abandon('another node is primary now');
    }
  }

  #discover({ nodeId, httpUrl }: MemberView): void {
    if (httpUrl !== null && this.#linkOf(nodeId) === undefined && this.#links.size < this.#options.limits.maxNodes) {
      this.#add(originOf(httpUrl));
    }
  }

  #linkOf(nodeId: string): NodeLink | undefined {
    const links = this.links.filter((link) => link.nodeId === nodeId);
    const [best] = links.filter((link) => this.#views.has(link));
    return best ?? links[0];
  }

  #add(url: string): void {
    const { database, credentials, limits, ca, runtime } = this.#options;
    if (!this.#links.has(url)) {
      const options: NodeLinkOptions = { url, database, credentials, limits, ca, runtime };
      this.#links.set(url, new NodeLink(options));
    }
  }

  /** Nodes that the primary does not know any more, unless they were given to `connect`. */
  #forgetGone(): void {
    const primary = this.primary();
    const members = primary === undefined ? undefined : this.#views.get(primary)?.members;
    const given = new Set(this.#options.nodes.map(originOf));
    for (const link of members === undefined ? [] : this.links) {
      const isMember = members?.some(({ nodeId, httpUrl }) => nodeId === link.nodeId || httpUrl === link.url);
      if (!isMember && !given.has(link.url) && !this.#views.has(link)) {
        this.#links.delete(link.url);
        link.close();
      }
    }
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const link of this.links) {
      link.close();
    }
  }
}

/** What listeners are told the changes of: not of lags and positions, which change all the time. */
function identityOf({ term, primary, members }: Topology): unknown {
  return {
    term,
    primary,
    members: members.map(({ nodeId, httpUrl, role, zone }) => ({ nodeId, httpUrl, role, zone })),
  };
}

/** @throws QuorateError INVALID_ARGUMENT */
function originOf(address: string): string {
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(address)} is no HTTP address of a node`, {
      hint: 'Write it as http://HOST:3380.',
    });
  }
  return url.origin;
}
