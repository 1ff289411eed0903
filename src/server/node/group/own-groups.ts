import {
  type Coordinator,
  type GroupConfig,
  type GroupMember,
  type GroupState,
  GroupStore,
  groupNames,
  watchGroupNames,
} from '../../../cluster/interface.ts';
import { asQuorateError, isQuorateError, type QuorateError } from '../../../errors/interface.ts';
import type { Runtime, Timer } from '../../../runtime/interface.ts';
import type { DatabaseCatalog } from '../database-catalog.ts';
import type { NodeIdentity } from '../node-directory.ts';
import { freeName, hexId } from './group-changes.ts';
import { prepareReplica } from './group-joining.ts';
import type { GrpcGroupPeers } from './group-peers.ts';
import { nodeIdInUse } from './node-id-use.ts';

export interface OwnGroupsOptions {
  readonly coordinator: Coordinator;
  readonly peers: GrpcGroupPeers;
  readonly databases: DatabaseCatalog;
  readonly identity: NodeIdentity;
  readonly runtime: Runtime;
  /** Where this node can be reached. */
  readonly self: () => Pick<GroupMember, 'host' | 'port' | 'httpUrl' | 'zone'>;
  /** Whether this node takes part in the group of a database. */
  readonly takesPart: (database: string) => boolean;
  /** @throws QuorateError OVERLOADED when this node takes part in as many groups as it may */
  readonly checkRoom: () => void;
  /** Makes this node take part. */
  readonly join: (database: string) => void;
  /** Makes this node take no part. */
  readonly keepOut: (database: string, refusal: QuorateError) => Promise<void>;
}

/** Milliseconds between two attempts of what the coordinator did not allow. */
const retryMs = 1_000;

/**
 * The groups that name this node as a member: it tells them where it is now, votes where it is a witness, and fetches the
 * database of one that was made for all databases of its members.
 */
export class OwnGroups implements Disposable {
  readonly #options: OwnGroupsOptions;
  #watch: Disposable | undefined;
  #retry: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();
  #isDue = false;
  #isClosed = false;

  constructor(options: OwnGroupsOptions) {
    this.#options = options;
  }

  /** Looks now, and whenever there is a new group. */
  start(): void {
    this.#watch = watchGroupNames(this.#options.coordinator, () => this.#lookAgain());
    this.#lookAgain();
  }

  #lookAgain(): void {
    if (!this.#isDue) {
      this.#isDue = true;
      this.#looking = this.#looking.then(() => this.#look());
    }
  }

  async #look(): Promise<void> {
    const { coordinator, runtime } = this.#options;
    this.#isDue = false;
    try {
      for (const name of await groupNames(coordinator)) {
        await this.#lookAt(name);
      }
    } catch (error) {
      const { code, message } = asQuorateError(error);
      if (!this.#isClosed) {
        runtime.logger.warn({ code, error: message }, 'the groups of this node are not all known yet');
        this.#retryLater();
      }
    }
  }

  async #lookAt(name: string): Promise<void> {
    const { coordinator, identity, takesPart, join } = this.#options;
    const store = new GroupStore(coordinator, name);
    const state = await store.read();
    const { config, leader } = state;
    const own = config?.members.find(({ nodeId }) => nodeId === identity.nodeId);
    if (this.#isClosed || config === undefined || own === undefined) {
      return;
    }
    await this.#announce(store, state, config, own);
    const primary = config.members.find(({ nodeId }) => nodeId === leader?.nodeId) ?? config.members[0];
    if (!takesPart(name) && (await this.#makeReady(config, own, primary ?? own))) {
      join(name);
    }
  }

  /** Tells the group where this node is, unless another node of the same id is there. */
  async #announce(store: GroupStore, state: GroupState, config: GroupConfig, own: GroupMember): Promise<void> {
    const { self, identity, peers, runtime, keepOut } = this.#options;
    const name = freeName(config, own, identity.nodeName);
    if (name !== identity.nodeName) {
      const message = `another member is called ${identity.nodeName}: the group goes on to call this node ${name}`;
      runtime.logger.warn({ database: config.database }, message);
    }
    const present: GroupMember = { ...own, ...self(), name };
    if (JSON.stringify(present) === JSON.stringify(own)) {
      return;
    }
    const refusal = await nodeIdInUse(peers, config.database, own, present);
    if (refusal !== undefined) {
      await keepOut(config.database, refusal);
      return;
    }
    const members = config.members.map((member) => (member.nodeId === own.nodeId ? present : member));
    if (!(await store.amend(state, { ...config, members }))) {
      runtime.logger.info(
        { database: config.database },
        'the group changed meanwhile; telling it again where this node is',
      );
      this.#retryLater();
    }
  }

  /**
   * Whether this node can take part. One that others have made a member fetches the database as a learner: a member that
   * counts and has nothing has lost it, and with it what it acknowledged.
   */
  async #makeReady(config: GroupConfig, own: GroupMember, primary: GroupMember): Promise<boolean> {
    const { database: name, databaseId } = config;
    const { databases, keepOut, checkRoom } = this.#options;
    if (own.witness) {
      return true;
    }
    const { opened } = databases.find(name) ?? {};
    if (opened?.settings.role === 'primary' && hexId(opened) === databaseId) {
      // A crash has cut the making of the group short.
      await databases.get(name).update((current) => ({ ...current, group: { id: name } }));
      return true;
    }
    if (!own.learner) {
      return false;
    }
    try {
      checkRoom();
      await prepareReplica(this.#options, name, config, primary);
      return true;
    } catch (error) {
      if (isQuorateError(error) && (error.code === 'WRONG_DATABASE' || error.code === 'OVERLOADED')) {
        await keepOut(name, error);
        return false;
      }
      throw error;
    }
  }

  #retryLater(): void {
    if (!this.#isClosed) {
      this.#retry?.cancel();
      this.#retry = this.#options.runtime.timers.after(retryMs, () => this.#lookAgain());
    }
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#watch?.[Symbol.dispose]();
    this.#retry?.cancel();
  }
}
