import path from 'node:path';
import {
  type GroupConfig,
  type GroupMember,
  GroupStore,
  Membership,
  reconfigure,
  switchOver,
} from '../../../src/cluster/interface.ts';
import {
  type Database,
  defaultAckSettings,
  type RejoinReport,
  type TransactResult,
  type Writer,
} from '../../../src/database/interface.ts';
import { asQuorateError, QuorateError } from '../../../src/errors/interface.ts';
import type { ExportTxRequest, ExportTxResponse } from '../../../src/proto/interface.ts';
import type { ChannelListener, HashedHistory, MessageChannel } from '../../../src/replication/interface.ts';
import { checkExport } from '../../../src/server/node/group/export-rule.ts';
import { GroupDatabase } from '../../../src/server/node/group/group-database.ts';
import { GroupWriter } from '../../../src/server/node/group/group-writer.ts';
import { ownHistory } from '../../../src/server/node/parting.ts';
import type { Statement } from '../../../src/sqlite/interface.ts';
import { NodeWatch } from '../node-watch.ts';
import type { Host } from '../simulated-network.ts';
import { SimulatedNode } from '../simulated-node.ts';
import { database as databaseName } from './group-plan.ts';
import { type GroupWorld, noAnswer, type SavedChange, simulatedCoordinator, upstreamOf } from './group-world.ts';
import { type MemberHooks, MemberProcess } from './member-process.ts';
import { type Member, SimulatedPeers } from './simulated-peers.ts';

/** Milliseconds that a write waits for a primary, and until it is shown where it was sent. */
const writeWaitMs = 2_000;
const shownMs = 2_000;
/** Milliseconds after which a forwarded write is in doubt. */
const forwardLimitMs = 1_500;
/** Transactions that a learner may lack when it begins to count. */
const learnerLag = 10;

/** A member with data: a machine, on it the real database, replication and membership. */
export class DataNode implements Member, Host {
  readonly name: string;
  readonly node: SimulatedNode;
  readonly #world: GroupWorld;
  #member: MemberProcess | undefined;
  #isPromoting = false;
  /** The highest term that this member was heard to promise. */
  #promisedTerm = 0;

  constructor(name: string, directory: string, groupWorld: GroupWorld) {
    this.name = name;
    this.#world = groupWorld;
    const { nodes, plan } = groupWorld;
    this.node = new SimulatedNode(
      name,
      {
        directory,
        settings: { role: 'replica', term: 0, replication: { enabled: false }, group: { id: databaseName } },
        watch: new NodeWatch((what) => nodes.onDefect(`${name}: ${what}`)),
        maySpoilCreation: false,
        clockRate: plan.clockRates[name],
        newProcess: (options, shared) => {
          this.#member = new MemberProcess(options, shared, this.#hooks());
          return this.#member;
        },
      },
      nodes,
    );
  }

  get process() {
    return this.node.process;
  }

  get database(): Database | undefined {
    return this.node.database;
  }

  get membership(): Membership | undefined {
    return this.node.database === undefined ? undefined : this.#member?.membership;
  }

  /** Whether this member may answer for its term, and does. */
  get leads(): boolean {
    return this.node.isHealthy && this.membership?.isLeading === true && this.database?.settings.role === 'primary';
  }

  accept(peer: MessageChannel<ExportTxResponse>, address: string): ChannelListener<ExportTxRequest> {
    let session: ChannelListener<ExportTxRequest> | undefined;
    const begin = ({ message }: ExportTxRequest) => {
      const { membership } = this.#require();
      const database = this.#require().require();
      const { replicaId = '' } = message?.$case === 'start' ? message.value : {};
      checkExport({ database, membership, replicaId });
      return this.node.accept(peer, address);
    };
    return {
      onMessage: (message) => {
        try {
          session ??= begin(message);
        } catch (error) {
          peer.end(asQuorateError(error));
          return;
        }
        session.onMessage(message);
      },
      onDrain: () => session?.onDrain(),
      onEnd: (error) => session?.onEnd(error),
    };
  }

  readonly sendSnapshot: Host['sendSnapshot'] = (request, send, signal) =>
    this.node.sendSnapshot(request, send, signal);

  #hooks(): MemberHooks {
    return {
      join: (process) => this.#join(process),
      historyOf: (host, process) => this.#historyOf(host, process),
      rejoins: (process, commonTxId, run) => this.#rejoins(process, commonTxId, run),
    };
  }

  #join(process: MemberProcess): Membership {
    const { nodes, calls } = this.#world;
    const { runtime, life } = process;
    const self = { name: this.name, process: life };
    const store = new GroupStore(simulatedCoordinator(this.#world, self), databaseName);
    this.#isPromoting = false;
    const trace = (what: string) => life.alive && nodes.trace.add(this.name, what);
    return new Membership({
      ...{ database: databaseName, nodeId: this.name, store, runtime },
      peers: new SimulatedPeers(calls, self, (name) => this.#world.member(name)),
      local: this.#local(process),
      onDecision: (decision) => {
        const { kind, term, refusal } = decision;
        trace(`${kind} election: ${term ?? ''}${refusal?.rule ?? ''} ${refusal?.message ?? ''}`);
        store.record(decision).catch(() => {});
      },
      onLeading: (config) => this.#promoteLearners(process, config),
      onLeader: (leader) => trace(`knows ${leader?.member.name ?? 'nobody'} of term ${leader?.term ?? 0}`),
    });
  }

  #local(process: MemberProcess): GroupDatabase {
    const upstream = ({ host, port }: GroupMember) => ({
      ...{ host, port, database: databaseName, username: 'cluster', password: 'secret' },
    });
    return new GroupDatabase({ managed: process, nodeId: this.name, upstream });
  }

  #promoteLearners(process: MemberProcess, { members }: GroupConfig): void {
    const learner = members.find((member) => member.learner && !member.witness);
    const durable = process.opened?.positions().durable ?? 0;
    if (learner === undefined || this.#isPromoting) {
      return;
    }
    if (this.#local(process).heldBy(learner.nodeId) + learnerLag >= durable) {
      this.#isPromoting = true;
      this.change((config) => withMember(config, { ...learner, learner: false }))
        .catch(() => {})
        .finally(() => {
          this.#isPromoting = false;
        });
    }
  }

  /** To be called after every event: what was promised holds over all lives. */
  watchPromise(): void {
    const { promisedTerm = this.#promisedTerm } = this.database?.leadership ?? {};
    if (promisedTerm < this.#promisedTerm) {
      this.#world.nodes.onDefect(`${this.name}: promised term ${this.#promisedTerm}, and now ${promisedTerm}`);
    }
    this.#promisedTerm = Math.max(this.#promisedTerm, promisedTerm);
  }

  /** Makes the group, with this member as its first primary. */
  async found(config: GroupConfig): Promise<void> {
    const process = this.#member as MemberProcess;
    const { membership, runtime } = process;
    const candidate = this.name;
    await process.rearrange(async ({ leadership }) => {
      await leadership.lead({ term: config.termBase, candidate, startsDatabase: true, acks: defaultAckSettings });
      await leadership.stepDown();
    });
    const sinceMs = runtime.clock.monotonicMs();
    const takenAt = await membership?.store.create(config, this.name);
    if (takenAt === undefined) {
      throw new Error('the group could not be made');
    }
    await membership?.begin(takenAt, config.termBase + takenAt, sinceMs);
  }

  /** Changes the group, from its primary. */
  async change(change: (config: GroupConfig) => GroupConfig): Promise<void> {
    const process = this.#require();
    const { membership, runtime } = process;
    const context = { local: this.#local(process), store: membership.store, runtime, nodeId: this.name };
    await membership.hand((leadership, state) => reconfigure(context, leadership, state, change));
  }

  /** Hands the place of the primary over. */
  async switchOver(to: string): Promise<void> {
    const process = this.#require();
    const { membership, runtime, life } = process;
    const self = { name: this.name, process: life };
    const peers = new SimulatedPeers(this.#world.calls, self, (name) => this.#world.member(name));
    const context = { local: this.#local(process), peers, runtime, nodeId: this.name };
    await membership.hand((leadership, state) => switchOver(context, { to, dryRun: false }, leadership, state));
  }

  /** Takes a write as the server does: it runs on whoever is primary. */
  async write(statements: readonly Statement[]): Promise<TransactResult> {
    const process = this.#require();
    const { membership, runtime } = process;
    const upstreams = { writer: (database: Database) => this.#remoteWriter(process, database) };
    const database = process.require();
    const writer = new GroupWriter({ database, membership, upstreams, runtime, waitMs: writeWaitMs, shownMs });
    return await writer.transact(statements);
  }

  #remoteWriter(process: MemberProcess, database: Database): Writer {
    return {
      begin: () => Promise.reject(new QuorateError('NOT_IMPLEMENTED', 'only whole transactions are forwarded')),
      transact: (statements) => {
        const to = this.#world.dataNode(upstreamOf(database));
        const from = { name: this.name, process: process.life };
        const silence = noAnswer('COMMIT_IN_DOUBT', to.name);
        const options = { from, to, limitMs: forwardLimitMs, silence, isLossy: false };
        return this.#world.calls.make(options, () => to.write(statements));
      },
    };
  }

  /** The process with its membership. @throws QuorateError UNAVAILABLE */
  #require(): MemberProcess & { readonly membership: Membership } {
    if (this.membership === undefined || this.#member === undefined) {
      throw new QuorateError('UNAVAILABLE', `${this.name} is not ready`);
    }
    return this.#member as MemberProcess & { readonly membership: Membership };
  }

  async #historyOf(host: string, process: MemberProcess): Promise<HashedHistory> {
    const to = this.#world.dataNode(host);
    const from = { name: this.name, process: process.life };
    const silence = noAnswer('UNAVAILABLE', host);
    const ask = <T>(run: (history: HashedHistory) => T | Promise<T>) =>
      this.#world.calls.make({ from, to, limitMs: forwardLimitMs, silence, isLossy: false }, async () => {
        return await run(ownHistory(to.#require().require()));
      });
    const tipTxId = await ask((history) => history.tipTxId);
    return { tipTxId, hashes: (txIds) => ask((history) => history.hashes(txIds)) };
  }

  async #rejoins(process: MemberProcess, commonTxId: number, run: () => Promise<RejoinReport>): Promise<RejoinReport> {
    const { tip } = process.require().positions();
    this.#world.nodes.trace.add(this.name, `goes back from ${tip} to ${commonTxId}`);
    const { watch } = this.node;
    return await new Promise((resolve, reject) => {
      watch.rewind(commonTxId, () => run().then(resolve)).catch(reject);
    });
  }

  /** What this member has saved of transactions that it gave up. */
  savedChanges(): SavedChange[] {
    const { files, directory } = this.node.machine;
    const folder = path.join(directory, 'saved');
    const names = files.existsSync(folder) ? files.listSync(folder).filter((name) => name.startsWith('diverged-')) : [];
    const lines = names.flatMap((name) =>
      Buffer.from(files.readFileSync(path.join(folder, name)))
        .toString()
        .split('\n'),
    );
    return lines.flatMap((text) => {
      const line: unknown = text === '' ? undefined : JSON.parse(text);
      return isChange(line) ? [{ txId: line.txId, term: line.term, text }] : [];
    });
  }

  /** What a call is told of a failure, for the trace. */
  traceFailure(what: string): (error: unknown) => void {
    return (error) => this.#world.nodes.trace.add(this.name, `${what}: ${asQuorateError(error).code}`);
  }
}

function isChange(line: unknown): line is { readonly txId: number; readonly term: number } {
  return typeof line === 'object' && line !== null && 'txId' in line && 'term' in line;
}

/** A group of which one member is, or becomes, another. */
export function withMember(config: GroupConfig, member: GroupMember): GroupConfig {
  const isKnown = config.members.some(({ nodeId }) => nodeId === member.nodeId);
  const members = isKnown
    ? config.members.map((one) => (one.nodeId === member.nodeId ? member : one))
    : [...config.members, member];
  return { ...config, members };
}
