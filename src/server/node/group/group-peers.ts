import { Metadata } from '@grpc/grpc-js';
import { unary } from '../../../client/interface.ts';
import type { Decision, GroupMember, GroupPeers, MemberPosition, MemberView } from '../../../cluster/interface.ts';
import type { Upstream } from '../../../database/interface.ts';
import { isQuorateError } from '../../../errors/interface.ts';
import {
  type ChangeGroupRequest,
  type DecisionResponse,
  type FailoverRequest,
  type Group,
  GroupsClient,
  MembershipClient,
  type SwitchoverRequest,
  type SwitchoverResponse,
  type MemberPosition as WirePosition,
  type MemberView as WireView,
} from '../../../proto/interface.ts';
import type { GrpcReplicationTransport } from '../../../replication/interface.ts';
import type { Clock } from '../../../runtime/interface.ts';
import { channelSecurity } from '../../../tls/interface.ts';
import { clusterUserName } from '../../auth/cluster-user.ts';
import { positionOf, viewOf } from './group-wire.ts';

/** Milliseconds that an answer may take; whoever asks may want it sooner. */
const callLimitMs = 3_000;
/** A member may take its time until it is primary, or until a group is changed. */
const orderLimitMs = 60_000;

/** After a member was away it is called again soon. */
const channelOptions = {
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.min_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 500,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.keepalive_time_ms': 5_000,
  'grpc.keepalive_timeout_ms': 2_000,
};

interface Connection {
  readonly address: string;
  readonly client: MembershipClient;
  readonly groups: GroupsClient;
}

/** Begins a call with what every call has. */
type Start<Client, Response> = (
  client: Client,
  metadata: Metadata,
  options: { readonly deadline: number },
) => Parameters<typeof unary<Response>>[0];

/** The other members of the groups of a node, over gRPC: one connection to each, kept. */
export class GrpcGroupPeers implements GroupPeers, Disposable {
  readonly #transport: GrpcReplicationTransport;
  readonly #clock: Clock;
  readonly #secret: string;
  readonly #connections = new Map<string, Connection>();

  constructor(transport: GrpcReplicationTransport, clock: Clock, secret: string) {
    this.#transport = transport;
    this.#clock = clock;
    this.#secret = secret;
  }

  /** As whom a node follows another member. */
  upstream({ host, port }: Pick<GroupMember, 'host' | 'port'>, database: string): Upstream {
    return { host, port, database, username: clusterUserName, password: this.#secret };
  }

  async ask(member: GroupMember, database: string): Promise<MemberView> {
    const view = await this.#call<WireView>(
      member,
      callLimitMs,
      (client, metadata, options) => (callback) => client.ask({ database }, metadata, options, callback),
    );
    return viewOf(view);
  }

  async promise(member: GroupMember, database: string, term: number, candidate: string): Promise<MemberPosition> {
    const position = await this.#call<WirePosition>(
      member,
      callLimitMs,
      (client, metadata, options) => (callback) =>
        client.promise({ database, term, candidate }, metadata, options, callback),
    );
    return positionOf(position);
  }

  async confirm(member: GroupMember, database: string, term: number, forMs: number): Promise<void> {
    const request = { database, term, forMs: Math.round(forMs) };
    await this.#call<unknown>(
      member,
      callLimitMs,
      (client, metadata, options) => (callback) => client.confirm(request, metadata, options, callback),
    );
  }

  async takeOver(member: GroupMember, database: string): Promise<void> {
    await this.#call<DecisionResponse>(
      member,
      orderLimitMs,
      (client, metadata, options) => (callback) => client.takeOver({ database }, metadata, options, callback),
    );
  }

  /** Changes a group on its primary. */
  async change(member: GroupMember, request: ChangeGroupRequest): Promise<Group> {
    return await this.#call<Group>(
      member,
      orderLimitMs,
      (client, metadata, options) => (callback) => client.change(request, metadata, options, callback),
    );
  }

  /** Sends an order to the member that can carry it out. */
  async switchOver(member: GroupMember, request: SwitchoverRequest): Promise<SwitchoverResponse> {
    return await this.#order<SwitchoverResponse>(
      member,
      (client, metadata, options) => (callback) => client.switchover(request, metadata, options, callback),
    );
  }

  async failOver(member: GroupMember, request: FailoverRequest): Promise<Decision> {
    const { decision } = await this.#order<DecisionResponse>(
      member,
      (client, metadata, options) => (callback) => client.failover(request, metadata, options, callback),
    );
    return JSON.parse(decision) as Decision;
  }

  async #order<Response>(member: GroupMember, start: Start<GroupsClient, Response>): Promise<Response> {
    return await this.#call<Response>(member, orderLimitMs, (_client, metadata, options) =>
      start(this.#connection(member).groups, metadata, options),
    );
  }

  async #call<Response>(
    member: GroupMember,
    limitMs: number,
    start: Start<MembershipClient, Response>,
  ): Promise<Response> {
    const upstream = this.upstream(member, '');
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${await this.#transport.token(upstream)}`);
    try {
      const { client } = this.#connection(member);
      return await unary<Response>(start(client, metadata, { deadline: this.#clock.nowMs() + limitMs }));
    } catch (error) {
      if (isQuorateError(error) && error.code === 'UNAUTHENTICATED') {
        this.#transport.forget(upstream);
      }
      throw error;
    }
  }

  #connection({ nodeId, host, port }: GroupMember): Connection {
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const known = this.#connections.get(nodeId);
    if (known?.address === address) {
      return known;
    }
    known?.client.close();
    const { credentials, options } = channelSecurity(host, this.#transport.security);
    const client = new MembershipClient(address, credentials, { ...channelOptions, ...options });
    const groups = new GroupsClient(address, credentials, { ...channelOptions, channelOverride: client.getChannel() });
    const connection = { address, client, groups };
    this.#connections.set(nodeId, connection);
    return connection;
  }

  [Symbol.dispose](): void {
    for (const { client } of this.#connections.values()) {
      client.close();
    }
    this.#connections.clear();
  }
}
