import type { CallOptions, Metadata } from '@grpc/grpc-js';
import type {
  ChangeGroupRequest,
  CreateGroupRequest,
  DecisionResponse,
  ExplainResponse,
  FailoverRequest,
  Group,
  GroupsClient,
  JoinGroupRequest,
  LeaveGroupRequest,
  ListGroupsResponse,
  SwitchoverRequest,
  SwitchoverResponse,
} from '../proto/interface.ts';
import { unary } from './call.ts';

/** The groups of a node. Any member may be asked. Every call throws `QuorateError`. */
export class RemoteGroups {
  readonly #client: GroupsClient;
  readonly #metadata: Metadata;
  readonly #options: () => CallOptions;

  /** @param options of each call; orders may take longer than questions */
  constructor(client: GroupsClient, metadata: Metadata, options: () => CallOptions) {
    this.#client = client;
    this.#metadata = metadata;
    this.#options = options;
  }

  create(request: CreateGroupRequest): Promise<Group> {
    return unary((callback) => this.#client.create(request, this.#metadata, this.#options(), callback));
  }

  join(request: JoinGroupRequest): Promise<Group> {
    return unary((callback) => this.#client.join(request, this.#metadata, this.#options(), callback));
  }

  leave(request: LeaveGroupRequest): Promise<Group> {
    return unary((callback) => this.#client.leave(request, this.#metadata, this.#options(), callback));
  }

  update(request: ChangeGroupRequest): Promise<Group> {
    return unary((callback) => this.#client.update(request, this.#metadata, this.#options(), callback));
  }

  /** One group, or all of the node when the name is empty. `everywhere`: also those that it is no member of. */
  async list(database = '', everywhere = false): Promise<readonly Group[]> {
    const { groups } = await unary<ListGroupsResponse>((callback) =>
      this.#client.list({ database, everywhere }, this.#metadata, this.#options(), callback),
    );
    return groups;
  }

  switchover(request: SwitchoverRequest): Promise<SwitchoverResponse> {
    return unary((callback) => this.#client.switchover(request, this.#metadata, this.#options(), callback));
  }

  /** The decision as JSON. */
  async failover(request: FailoverRequest): Promise<string> {
    const { decision } = await unary<DecisionResponse>((callback) =>
      this.#client.failover(request, this.#metadata, this.#options(), callback),
    );
    return decision;
  }

  /** The last elections as JSON, newest first. */
  async explain(database: string): Promise<readonly string[]> {
    const { decisions } = await unary<ExplainResponse>((callback) =>
      this.#client.explain({ database }, this.#metadata, this.#options(), callback),
    );
    return decisions;
  }
}
