import { ReaderPool, type Upstream } from '../../database/interface.ts';
import { asQuorateError, QuorateError } from '../../errors/interface.ts';
import type { DatabaseStatus, ListDatabasesResponse, StatusResponse } from '../../proto/interface.ts';
import { GrpcReplicationTransport } from '../../replication/interface.ts';
import type { Runtime } from '../../runtime/interface.ts';
import { openCertificate, type ServerCertificate, upstreamSecurity } from '../../tls/interface.ts';
import type { Authenticator } from '../auth/authenticator.ts';
import { systemDatabaseName } from '../auth/permissions.ts';
import { Security } from '../auth/security.ts';
import { certificateStatus } from './certificate-status.ts';
import type { ClusterView } from './cluster-view.ts';
import { DatabaseCatalog, defaultDatabaseName } from './database-catalog.ts';
import { databaseStatus } from './database-status.ts';
import { type NodeAddress, resolveUpstream } from './follow-settings.ts';
import { GroupView } from './group/group-view.ts';
import type { Groups } from './group/groups.ts';
import { openGroups } from './group/open-groups.ts';
import { httpUrlOf } from './http-url.ts';
import { namePatterns } from './name-patterns.ts';
import { NodeDirectory, type NodeIdentity } from './node-directory.ts';
import { type FollowRequest, followsNobody, type NodeOptions } from './node-options.ts';
import type { NodeServices } from './node-services.ts';
import { ServerFollower } from './server-follower.ts';
import { StandaloneView } from './standalone-view.ts';
import { UpstreamClients } from './upstream-clients.ts';
import { version } from './version.ts';
import { WriterWatch } from './writer-watch.ts';

/** Milliseconds, where the options do not say. */
const defaultDiscoveryIntervalMs = 2_000;

/** The databases of one data folder, with everything they need, and no network of its own. */
export class Node implements AsyncDisposable {
  readonly identity: NodeIdentity;
  readonly options: NodeOptions;
  readonly runtime: Runtime;
  readonly databases: DatabaseCatalog;
  readonly security: Security;
  readonly readers: ReaderPool;
  /** Milliseconds of the monotonic clock. */
  readonly startedAtMs: number;
  readonly #transport: GrpcReplicationTransport;
  readonly upstreams: UpstreamClients;
  /** What it knows of those who have the same databases. */
  readonly clusterView: ClusterView;
  /** Notices writers that stand still. */
  readonly writers: WriterWatch;
  /** With which its endpoints answer; undefined when they do so in plain text. */
  readonly certificate: ServerCertificate | undefined;
  readonly #directory: NodeDirectory;
  readonly #isWanted: (name: string) => boolean;
  #follower: ServerFollower | undefined;
  #address: NodeAddress | undefined;
  readonly #signal: AbortSignal | undefined;
  #httpAddress: NodeAddress | undefined;
  #groups: Groups | undefined;
  #isReady = false;
  #isDraining = false;
  #generatedPassword: string | undefined;

  private constructor(
    options: NodeOptions,
    runtime: Runtime,
    directory: NodeDirectory,
    signal: AbortSignal | undefined,
  ) {
    const { limits } = options;
    this.#signal = signal;
    this.options = options;
    this.runtime = runtime;
    this.#directory = directory;
    this.#isWanted = namePatterns(options.replication.include, options.replication.exclude);
    this.startedAtMs = runtime.clock.monotonicMs();
    this.identity = directory.identity(options.name);
    this.readers = new ReaderPool({
      runtime,
      maxProcesses: limits.readerProcesses,
      idleTimeoutMs: limits.readerIdleTimeoutMs,
      queueLimit: limits.readerQueueLimit,
      maxPinned: limits.maxReadTransactions,
    });
    this.certificate = openCertificate(runtime, options.tls);
    this.#transport = new GrpcReplicationTransport(runtime.clock, upstreamSecurity(options.tls));
    this.upstreams = new UpstreamClients({
      transport: this.#transport,
      clock: runtime.clock,
      address: () => this.#address,
    });
    const databases = () => this.databases.list();
    this.writers = new WriterWatch({ runtime, databases, timeoutMs: limits.writerStallTimeoutMs });
    this.databases = new DatabaseCatalog(this.#services());
    this.clusterView = this.#newClusterView();
    this.security = Security.open({
      runtime,
      node: this.identity,
      limits: options.security,
      clusterSecret: options.cluster?.clusterSecret,
      keyPath: directory.tokenKeyPath,
      auditPath: directory.auditPath,
      systemDatabase: () => this.databases.find(systemDatabaseName)?.opened,
    });
  }

  /**
   * Takes the folder; nothing is open before `start`.
   * @param signal gives up the start
   * @throws QuorateError DATABASE_LOCKED, TLS_FAILED, IO_ERROR
   */
  static async open(options: NodeOptions, runtime: Runtime, signal?: AbortSignal): Promise<Node> {
    const directory = NodeDirectory.open(options.directory, runtime);
    try {
      return await Promise.resolve(new Node(options, runtime, directory, signal));
    } catch (error) {
      directory[Symbol.dispose]();
      throw error;
    }
  }

  #services(): NodeServices {
    const { runtime, options, identity, readers, upstreams, writers } = this;
    return {
      runtime,
      options,
      identity,
      readers,
      directory: this.#directory,
      transport: this.#transport,
      upstreams,
      writers,
      signal: this.#signal,
      address: () => this.#address,
      httpUrl: () => this.#httpUrl,
    };
  }

  #newClusterView(): ClusterView {
    const { databases, upstreams, runtime } = this;
    const status = (name: string) => this.status(name);
    const membership = (name: string) => this.#groups?.find(name);
    return new GroupView(new StandaloneView({ databases, upstreams, runtime, status }), {
      runtime,
      status,
      membership,
    });
  }

  get #httpUrl(): string | undefined {
    const { advertiseAddress } = this.options.cluster ?? {};
    return this.#httpAddress && httpUrlOf(this.#httpAddress, advertiseAddress, this.certificate !== undefined);
  }

  get authenticator(): Authenticator {
    return this.security.authenticator;
  }

  /** The password of the administrator if this start had to generate one: to be shown once. */
  get generatedPassword(): string | undefined {
    return this.#generatedPassword;
  }

  /** Whether every database is open or known to have failed, and nobody has told the node to stop. */
  get isReady(): boolean {
    return this.#isReady && !this.#isDraining;
  }

  /** A path for something unfinished; whoever asks for it removes it. */
  newWorkPath(): string {
    return this.#directory.newWorkPath();
  }

  /**
   * Opens all databases, and makes those that every node has.
   * @param address where this node can be reached, for replicas of its own databases
   * @param httpAddress where clients reach it by HTTP
   * @throws QuorateError CANCELLED when the signal aborts meanwhile
   */
  async start(address: NodeAddress | undefined, httpAddress?: NodeAddress): Promise<void> {
    this.#address = address;
    this.#httpAddress = httpAddress;
    await this.databases.openAll();
    await this.#ensureBuiltIn(systemDatabaseName, systemDatabaseName);
    await this.#ensureBuiltIn(defaultDatabaseName, this.options.replication.database ?? defaultDatabaseName);
    this.#generatedPassword = await this.security.start(this.options.adminPassword);
    await this.#followServer();
    this.#groups = await this.#openGroups();
    this.#groups?.start();
    this.#isReady = true;
  }

  async #openGroups(): Promise<Groups | undefined> {
    const { cluster } = this.options;
    const { identity, databases, runtime } = this;
    return await openGroups(cluster, {
      ...{ identity, databases, runtime, transport: this.#transport },
      address: () => this.#address,
      httpAddress: () => this.#httpAddress,
      isSecure: this.certificate !== undefined,
      onPrimary: (database) => this.#nowPrimary(database),
      maxGroups: this.options.limits.maxGroups,
    });
  }

  /** The tokens of this node are good wherever its key is known, which only the primary of the users can tell. */
  #nowPrimary(database: string): void {
    if (database === systemDatabaseName) {
      this.security.publishKeys().catch((error: unknown) => {
        this.runtime.logger.warn({ error: asQuorateError(error).message }, 'the key of this node was not published');
      });
    }
  }

  /** Follows the other databases of the upstream, too, or stops those that it has followed. */
  async #followServer(): Promise<void> {
    const { enabled, discoveryIntervalMs = defaultDiscoveryIntervalMs } = this.options.replication;
    if (enabled === false) {
      await this.#stopFollowed();
    }
    if (!enabled) {
      return;
    }
    this.#follower = new ServerFollower({
      databases: this.databases,
      directory: this.#transport,
      runtime: this.runtime,
      nodeId: this.identity.nodeId,
      upstream: () => this.#systemUpstream(),
      isWanted: this.#isWanted,
      intervalMs: discoveryIntervalMs,
      maxIntervalMs: this.options.replicationLimits.backoffMaxMs,
    });
    this.#follower.start();
  }

  /** A server whose users are its own follows no other as a whole. */
  #systemUpstream(): Upstream | undefined {
    const { enabled = false, upstream } = this.databases.get(systemDatabaseName).settings?.replication ?? {};
    return enabled && upstream !== undefined ? resolveUpstream(upstream, this.#address) : undefined;
  }

  async #stopFollowed(): Promise<void> {
    for (const { name, opened } of this.databases.list()) {
      if (opened?.settings.replication.followed !== undefined) {
        await this.databases.change(name, (_name, current) => ({
          ...current,
          replication: { ...current.replication, enabled: false },
        }));
      }
    }
  }

  /** The flags of the server rule a built-in database until people make it a primary themselves. */
  async #ensureBuiltIn(name: string, upstreamDatabase: string): Promise<void> {
    const { enabled, host, port, username, password } = this.options.replication;
    const follows = name === systemDatabaseName || this.#isWanted(name);
    if (!this.databases.has(name)) {
      await this.databases.create(name, follows ? followRequest(this.options, upstreamDatabase) : followsNobody);
      return;
    }
    const database = this.databases.get(name);
    if (enabled === undefined || !follows || database.opened === undefined) {
      return;
    }
    if (database.opened.settings.role === 'primary') {
      if (enabled) {
        this.runtime.logger.warn({ database: name }, 'stays a primary: the replication flags do not demote a database');
      }
      return;
    }
    await this.databases.update({
      database: name,
      replicationEnabled: enabled,
      primaryHost: host,
      primaryPort: port,
      primaryDatabase: upstreamDatabase,
      primaryUsername: username,
      primaryPassword: password,
    });
  }

  /** The groups of this node. @throws QuorateError NOT_IN_GROUP when it was given no coordinator */
  requireGroups(): Groups {
    if (this.#groups === undefined) {
      throw new QuorateError('NOT_IN_GROUP', 'this server has no coordinator, so it is in no group', {
        hint: 'Start it with --coordinator and --cluster-secret-file; docs/failover.md tells how.',
      });
    }
    return this.#groups;
  }

  /** The groups of this node; undefined when it was given no coordinator. */
  get groups(): Groups | undefined {
    return this.#groups;
  }

  /** Where this node can be reached; undefined before it listens. */
  get address(): NodeAddress | undefined {
    return this.#address;
  }

  /** @throws QuorateError DATABASE_NOT_FOUND */
  databaseStatus(name: string): DatabaseStatus {
    return databaseStatus(this.databases.get(name), this.#address, this.options.databaseLimits);
  }

  /** The node and one database, or all of them when the name is empty. @throws QuorateError DATABASE_NOT_FOUND */
  status(database = ''): StatusResponse {
    const listed = database === '' ? this.databases.list() : [this.databases.get(database)];
    return {
      ...this.identity,
      version,
      httpUrl: this.#httpUrl ?? '',
      uptimeMs: Math.round(this.runtime.clock.monotonicMs() - this.startedAtMs),
      databases: listed.map((managed) => databaseStatus(managed, this.#address, this.options.databaseLimits)),
      following: this.#follower?.status(),
      certificate: this.certificate && certificateStatus(this.certificate.status()),
    };
  }

  /**
   * The databases of this node and whom they follow. Whoever follows the whole node takes a missing one for deleted, so
   * nothing is said before everything is there.
   * @throws QuorateError UNAVAILABLE
   */
  listDatabases(): ListDatabasesResponse {
    if (!this.#isReady) {
      throw new QuorateError('UNAVAILABLE', 'this server is starting or stopping', { hint: 'Try again in a moment.' });
    }
    const databases = this.databases.list().map(({ name, state, opened, path }) => ({
      database: name,
      state,
      databaseId: Buffer.from(opened?.databaseId ?? []),
      path: [...path],
    }));
    return { nodeId: this.identity.nodeId, databases };
  }

  /** Load balancers are told that the node goes; everything else still works. */
  beginDrain(): void {
    this.#isDraining = true;
  }

  /** Ends the streams of replicas and stops following others, so that the endpoints can close. */
  stopStreams(): void {
    this.#isReady = false;
    for (const database of this.databases.list()) {
      database.endStreams(new QuorateError('UNAVAILABLE', 'the server is stopping'));
    }
  }

  /** Closes everything; what was acknowledged is durable already. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isReady = false;
    this.writers[Symbol.dispose]();
    await this.#follower?.[Symbol.asyncDispose]();
    await this.#groups?.[Symbol.asyncDispose]();
    await this.readers[Symbol.asyncDispose]();
    await this.databases.closeAll();
    this.security[Symbol.dispose]();
    this.certificate?.[Symbol.dispose]();
    this.#directory[Symbol.dispose]();
  }
}

function followRequest({ replication }: NodeOptions, database: string): FollowRequest {
  const { enabled, host, port, username, password } = replication;
  if (enabled === undefined) {
    return followsNobody;
  }
  return {
    role: '',
    enabled,
    host: host ?? '',
    port: port ?? 0,
    database: enabled || host !== undefined ? database : '',
    username: username ?? '',
    password: password ?? '',
  };
}

/** For callers that have no use for replication flags. */
export const noReplication: NodeOptions['replication'] = {
  enabled: undefined,
  host: undefined,
  port: undefined,
  database: undefined,
  username: undefined,
  password: undefined,
};

/** @throws QuorateError PERMISSION_DENIED for SQL on the database of the users */
export function refuseSystemDatabase(name: string): void {
  if (name === systemDatabaseName) {
    throw new QuorateError('PERMISSION_DENIED', `${name} holds the users of this server and takes no SQL`, {
      hint: `Use ${defaultDatabaseName} or another database.`,
    });
  }
}
