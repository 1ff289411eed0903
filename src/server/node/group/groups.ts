import {
  countsForAcks,
  type Decision,
  type GroupConfig,
  type GroupMember,
  GroupStore,
  groupNames,
  type KnownLeader,
  Membership,
  type ObservedCoordinator,
  reconfigure,
} from '../../../cluster/interface.ts';
import { asQuorateError, QuorateError } from '../../../errors/interface.ts';
import type * as wire from '../../../proto/interface.ts';
import type { Runtime } from '../../../runtime/interface.ts';
import { systemDatabaseName } from '../../auth/permissions.ts';
import type { DatabaseCatalog } from '../database-catalog.ts';
import type { NodeIdentity } from '../node-directory.ts';
import { checkExport } from './export-rule.ts';
import { changedConfig, isPause, newConfig, noChange, noGroup, sameGroup } from './group-changes.ts';
import { GroupDatabase } from './group-database.ts';
import { majorityCounts, prepareReplica } from './group-joining.ts';
import { GroupOrders } from './group-orders.ts';
import type { GrpcGroupPeers } from './group-peers.ts';
import { wireGroup } from './group-wire.ts';
import type { GroupsReport } from './groups-report.ts';
import { nodeIdInUse } from './node-id-use.ts';
import { OwnGroups } from './own-groups.ts';
import type { RoleHooks } from './role-hooks.ts';

export interface GroupsOptions {
  readonly coordinator: ObservedCoordinator;
  readonly peers: GrpcGroupPeers;
  readonly databases: DatabaseCatalog;
  readonly identity: NodeIdentity;
  readonly runtime: Runtime;
  /** Where this node can be reached. */
  readonly self: () => Pick<GroupMember, 'host' | 'port' | 'httpUrl' | 'zone'>;
  readonly hooks: RoleHooks;
  readonly maxGroups: number;
  /** Called when this node has become primary. */
  readonly onPrimary: (database: string) => void;
}

/** Transactions that a member may lack when it begins to count. */
const learnerLag = 100;

/** The part of this node in all groups that it is a member of. */
export class Groups implements AsyncDisposable {
  readonly #options: GroupsOptions;
  readonly #memberships = new Map<string, Membership>();
  readonly #promoting = new Set<string>();
  /** Why this node takes no part in groups that it is a member of. */
  readonly #refusals = new Map<string, QuorateError>();
  readonly #own: OwnGroups;

  /** What people order at any member. */
  readonly orders: GroupOrders;

  constructor(options: GroupsOptions) {
    const { peers, identity, runtime } = options;
    this.#options = options;
    const local = (database: string) => this.#local(database);
    this.#own = new OwnGroups({
      ...options,
      takesPart: (name) => this.#memberships.has(name) || this.#refusals.has(name),
      checkRoom: () => this.#checkRoom(),
      join: (name) => void this.#join(name),
      keepOut: (name, refusal) => this.#keepOut(name, refusal),
    });
    this.orders = new GroupOrders({ groups: this, peers, runtime, nodeId: identity.nodeId, local });
  }

  /** Takes part in the groups of this node's databases, and votes where it is a witness. */
  start(): void {
    for (const { name, settings } of this.#options.databases.list()) {
      if (settings?.group !== undefined) {
        this.#join(name);
      }
    }
    this.#own.start();
  }

  /** Takes no part in a group, and follows nobody as the node that it is not. */
  async #keepOut(database: string, refusal: QuorateError): Promise<void> {
    const { code, message, hint } = refusal;
    const { runtime, databases } = this.#options;
    runtime.logger.error({ database, code, hint }, `${message}: this one takes no part in the group`);
    this.#refusals.set(database, refusal);
    const membership = this.#memberships.get(database);
    this.#memberships.delete(database);
    await membership?.[Symbol.asyncDispose]();
    if (databases.find(database)?.settings?.group !== undefined) {
      await this.#local(database).unfollow();
    }
  }

  #join(name: string): Membership {
    const { coordinator, peers, databases, identity, runtime } = this.#options;
    const known = this.#memberships.get(name);
    if (known !== undefined) {
      return known;
    }
    const store = new GroupStore(coordinator, name);
    const managed = databases.find(name);
    const hasData = managed?.settings?.group !== undefined;
    const membership: Membership = new Membership({
      ...{ database: name, nodeId: identity.nodeId, store, peers, runtime },
      local: hasData ? this.#local(name) : undefined,
      onDecision: (decision) => this.#decided(store, decision),
      onLeading: (config) => this.#promoteLearners(name, config),
      onLeader: (leader) => this.#led(name, leader),
    });
    this.#memberships.set(name, membership);
    return membership;
  }

  #local(name: string): GroupDatabase {
    const { databases, identity, peers } = this.#options;
    const upstream = (member: GroupMember) => peers.upstream(member, name);
    return new GroupDatabase({ managed: databases.get(name), nodeId: identity.nodeId, upstream });
  }

  #led(database: string, leader: KnownLeader | undefined): void {
    const { hooks, runtime } = this.#options;
    const { member, term = 0, isSelf = false } = leader ?? {};
    const role = leader === undefined ? 'none' : isSelf ? 'primary' : 'replica';
    const primary = member?.name ?? '';
    runtime.logger.info({ database, role, term, primary }, 'the primary of a group changed');
    hooks.tell({ database, role, term, primary });
    if (isSelf) {
      this.#options.onPrimary(database);
    }
  }

  #decided(store: GroupStore, decision: Decision): void {
    const { logger } = this.#options.runtime;
    const { database, kind, term, refusal, timings } = decision;
    if (refusal === undefined) {
      logger.warn({ database, kind, term, timings }, 'this node has become primary');
    } else {
      logger.info({ database, kind, rule: refusal.rule }, `this node does not become primary: ${refusal.message}`);
    }
    store.record(decision).catch((error: unknown) => {
      logger.warn({ database, error: asQuorateError(error).message }, 'an election could not be written down');
    });
  }

  /** A member that has fetched what the group has counts from then on. */
  #promoteLearners(name: string, config: GroupConfig): void {
    const managed = this.#options.databases.find(name);
    const learner = config.members.find((member) => member.learner && !member.witness);
    if (managed?.opened === undefined || learner === undefined || this.#promoting.has(name)) {
      return;
    }
    const held = this.#local(name).heldBy(learner.nodeId);
    if (held === 0 || held + learnerLag < managed.opened.positions().durable) {
      return;
    }
    this.#promoting.add(name);
    this.change({ database: name, member: { ...learner, learner: false } })
      .catch((error: unknown) => {
        const { code, message } = asQuorateError(error);
        this.#options.runtime.logger.warn({ database: name, code }, `${learner.name} does not count yet: ${message}`);
      })
      .finally(() => this.#promoting.delete(name));
  }

  /** How it stands with each group, the hooks and the coordinator, for metrics. */
  report(): GroupsReport {
    const groups = [...this.#memberships].map(([database, membership]) => ({
      database,
      term: membership.leader?.term ?? 0,
      members: membership.config?.members.length ?? 0,
      hasLeader: membership.leader !== undefined,
      isLeading: membership.isLeading,
      isFailsafe: membership.leadership?.isFailsafe === true,
    }));
    const { hooks, coordinator } = this.#options;
    return { groups, hooks: hooks.counts(), coordinator: coordinator.usage() };
  }

  /** @throws QuorateError NOT_IN_GROUP, NODE_ID_IN_USE */
  get(name: string): Membership {
    const membership = this.#memberships.get(name);
    if (membership === undefined) {
      const refusal = this.#refusals.get(name);
      throw (
        refusal ??
        new QuorateError('NOT_IN_GROUP', `this node is in no group of a database ${name}`, {
          hint: `Make one on its primary (quorate group create ${name}), or join it (quorate group join ${name}).`,
        })
      );
    }
    return membership;
  }

  find(name: string): Membership | undefined {
    return this.#memberships.get(name);
  }

  /** @throws QuorateError LEASE_LOST when somebody is not to follow this node now */
  checkExport(name: string, replicaId: string): void {
    const membership = this.find(name);
    const database = this.#options.databases.find(name)?.opened;
    if (membership !== undefined && database !== undefined) {
      checkExport({ database, membership, replicaId });
    }
  }

  /** Makes a group of a primary of this node. @throws QuorateError WRONG_ROLE, GROUP_EXISTS, COORDINATOR_UNAVAILABLE … */
  async create(request: wire.CreateGroupRequest): Promise<wire.Group> {
    const { databases, identity, self } = this.#options;
    const name = request.database;
    const database = databases.require(name);
    if (database.settings.role !== 'primary' || database.settings.group !== undefined) {
      throw new QuorateError('WRONG_ROLE', `${name} is not a primary without a group on this node`, {
        hint: 'Make the group on the primary; other nodes join it then.',
      });
    }
    const own = { nodeId: identity.nodeId, name: identity.nodeName, ...self() };
    return await this.#make(newConfig(request, own, database));
  }

  /**
   * Gives a database that was just made here the group that it is to have, if there is one for all databases. Resolves when a
   * majority of its members counts, or when that takes too long.
   * @throws QuorateError WRONG_ROLE, GROUP_EXISTS, COORDINATOR_UNAVAILABLE …
   */
  async include(name: string): Promise<void> {
    const { databases, identity, runtime } = this.#options;
    const all = this.#memberships.get(systemDatabaseName)?.config;
    const own = all?.members.find(({ nodeId }) => nodeId === identity.nodeId);
    const database = databases.require(name);
    if (all?.newDatabases !== true || own === undefined || database.settings.role !== 'primary') {
      return;
    }
    if (!countsForAcks(own)) {
      throw new QuorateError('WRONG_ROLE', `this node never becomes primary, so no database is made here`, {
        hint: `Make it on another member of the group of ${systemDatabaseName}.`,
      });
    }
    await this.#make(sameGroup(all, own, database, name));
    await majorityCounts(runtime, all, () => this.find(name)?.config);
  }

  /** @throws QuorateError OVERLOADED */
  #checkRoom(): void {
    const { maxGroups } = this.#options;
    if (this.#memberships.size >= maxGroups) {
      throw new QuorateError('OVERLOADED', `this node takes part in ${maxGroups} groups, as many as it may`, {
        hint: 'Leave one, or raise max-groups.',
        details: { limit: maxGroups },
      });
    }
  }

  async #make(config: GroupConfig): Promise<wire.Group> {
    this.#checkRoom();
    const { coordinator, databases, identity, runtime } = this.#options;
    const name = config.database;
    const sinceMs = runtime.clock.monotonicMs();
    const takenAt = await new GroupStore(coordinator, name).create(config, identity.nodeId);
    if (takenAt === undefined) {
      throw new QuorateError('GROUP_EXISTS', `there is a group of a database ${name} already`, {
        hint: `Join it with a replica: quorate group join ${name}`,
      });
    }
    // From here on the group says who is primary: this node, in a term of the group.
    await this.#local(name).stepDown();
    await databases.get(name).update((current) => ({ ...current, group: { id: name } }));
    await this.#join(name).begin(takenAt, config.termBase + takenAt, sinceMs);
    return this.#told(name);
  }

  /** Makes this node a member. @throws QuorateError NOT_IN_GROUP when there is no such group; NODE_ID_IN_USE, WRONG_DATABASE … */
  async join({ database: name, self: asked }: wire.JoinGroupRequest): Promise<wire.Group> {
    this.#checkRoom();
    const { coordinator, identity, peers, self } = this.#options;
    const state = await new GroupStore(coordinator, name).read();
    const leader = state.config?.members.find(({ nodeId }) => nodeId === state.leader?.nodeId);
    if (state.config === undefined || leader === undefined) {
      throw new QuorateError('NOT_IN_GROUP', `there is no group of a database ${name} with a primary now`, {
        hint: `Make it on the primary: quorate group create ${name}`,
      });
    }
    const { priority = 0, nofailover = false, nosync = false, witness = false } = asked ?? {};
    const own = { nodeId: identity.nodeId, name: identity.nodeName, ...self() };
    const known = state.config.members.find(({ nodeId }) => nodeId === own.nodeId);
    const refusal = known && (await nodeIdInUse(peers, name, known, own));
    if (refusal !== undefined) {
      throw refusal;
    }
    if (!witness) {
      await prepareReplica(this.#options, name, state.config, leader);
    }
    const member = { ...own, priority, nofailover, nosync, witness, learner: !witness };
    const group = await peers.change(leader, { ...noChange, database: name, member });
    this.#join(name).wake();
    return group;
  }

  /**
   * Takes a member out; this node keeps its data. With the last one the group ends, whose database is then a primary without one.
   * @param member name or id; this node when empty
   */
  async leave(name: string, member: string): Promise<wire.Group> {
    const { identity, coordinator } = this.#options;
    const membership = this.get(name);
    const leaving = member === '' ? identity.nodeId : member;
    const isSelf = leaving === identity.nodeId || leaving === identity.nodeName;
    const { config } = await new GroupStore(coordinator, name).read();
    const isMember = config?.members.some(({ nodeId }) => nodeId === identity.nodeId) === true;
    const isLast = isSelf && isMember && config.members.length === 1;
    let group = wireGroup(config ?? noGroup(name), membership.leader);
    if (isLast) {
      await membership.hand((leadership) => leadership.dissolve());
      group = wireGroup(noGroup(name), undefined);
    } else if (isMember || !isSelf) {
      group = await this.change({ database: name, remove: leaving });
    }
    if (isSelf) {
      await this.#forget(name, membership, isLast);
    }
    return group;
  }

  async #forget(name: string, membership: Membership, isPrimary: boolean): Promise<void> {
    this.#memberships.delete(name);
    await membership[Symbol.asyncDispose]();
    const database = this.#options.databases.find(name);
    // The acknowledgements were those of the group.
    await database?.update(({ group: _, ...current }) => ({ ...current, acks: undefined }));
    if (isPrimary) {
      await database?.update((current) => ({ ...current, role: 'primary' }));
    }
  }

  /** Changes a group, on its primary. */
  async change(change: Partial<wire.ChangeGroupRequest> & { readonly database: string }): Promise<wire.Group> {
    const { database: name } = change;
    const { coordinator, identity, peers, runtime } = this.#options;
    const request: wire.ChangeGroupRequest = { ...noChange, ...change };
    const membership = this.get(name);
    const { leader, config } = membership;
    if (!membership.isLeading && leader !== undefined && !leader.isSelf) {
      return await peers.change(leader.member, request);
    }
    const nowMs = runtime.clock.nowMs();
    if (!membership.isLeading && isPause(request) && config !== undefined) {
      const store = new GroupStore(coordinator, name);
      const state = await store.read();
      const paused = changedConfig(state.config ?? config, request, nowMs);
      if (!(await store.amend(state, paused))) {
        throw new QuorateError('UNAVAILABLE', `the group of ${name} was changed at the same time`, {
          hint: 'Try again.',
        });
      }
      return wireGroup(paused, leader);
    }
    const local = this.#local(name);
    const context = { local, store: new GroupStore(coordinator, name), runtime, nodeId: identity.nodeId };
    const changed = await membership.hand((leadership, state) =>
      reconfigure(context, leadership, state, (before) => changedConfig(before, request, nowMs)),
    );
    return wireGroup(changed, membership.leader);
  }

  list(name: string): wire.Group[] {
    const wanted = name === '' ? [...this.#memberships.keys()].sort() : [name];
    return wanted.flatMap((one) => (this.get(one).config === undefined ? [] : [this.#told(one)]));
  }

  /** Every group of the coordinator, also those that this node is no member of. */
  async listAll(): Promise<wire.Group[]> {
    const { coordinator } = this.#options;
    const names = await groupNames(coordinator);
    const states = await Promise.all(names.map((name) => new GroupStore(coordinator, name).read()));
    return states.flatMap(
      ({ config }) => (config && wireGroup(config, this.#memberships.get(config.database)?.leader)) || [],
    );
  }

  #told(name: string): wire.Group {
    const { config, leader } = this.get(name);
    if (config === undefined) {
      throw new QuorateError('UNAVAILABLE', `the group of ${name} is not known yet`, {
        hint: 'Try again in a moment.',
      });
    }
    return wireGroup(config, leader);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#own[Symbol.dispose]();
    await Promise.all([...this.#memberships.values()].map((membership) => membership[Symbol.asyncDispose]()));
    this.#options.peers[Symbol.dispose]();
    await this.#options.coordinator[Symbol.asyncDispose]();
  }
}
