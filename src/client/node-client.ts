import { type ChannelOptions, type ClientOptions, Metadata, type ServiceError } from '@grpc/grpc-js';
import {
  type AckLevel,
  AdminClient,
  type CreateDatabaseRequest,
  type DatabaseStatus,
  type DigestResponse,
  type ExecuteRequest,
  type ExecuteResponse,
  type ExportSnapshotRequest,
  GroupsClient,
  type LoginResponse,
  type OutcomeResponse,
  QueryClient,
  QueryService,
  ReplicationClient,
  type Setting,
  type SettingsResponse,
  type StatusResponse,
  type UpdateDatabaseRequest,
  UsersClient,
  VerificationClient,
} from '../proto/interface.ts';
import { errorFromGrpc } from '../replication/interface.ts';
import { type Clock, createNodeRuntime } from '../runtime/interface.ts';
import type { Statement } from '../sqlite/interface.ts';
import { type ConnectionSecurity, channelSecurity } from '../tls/interface.ts';
import { inSpan, tracing } from '../tracing/interface.ts';
import { unary, writeMessage } from './call.ts';
import { callSpan, withTrace } from './call-span.ts';
import { RemoteGroups } from './remote-groups.ts';
import { RemoteUsers } from './remote-users.ts';
import { RemoteVerification } from './remote-verification.ts';
import { fromWireResult, type QueryResult, toWireStatement } from './value-codec.ts';

/** Bytes of the largest answer taken from a server; its own limit on results is lower. */
const maxReceiveBytes = 256 * 1024 * 1024;

/** Milliseconds after which a call that does next to nothing is given up. */
const shortCallMs = 15_000;

/** The same for a change of a group, for which members may have to get something first. */
const orderMs = 60_000;

const channelOptions: ChannelOptions & ClientOptions = {
  'grpc.max_receive_message_length': maxReceiveBytes,
  'grpc.max_send_message_length': -1,
  'grpc.keepalive_time_ms': 20_000,
  'grpc.keepalive_timeout_ms': 10_000,
};

export interface NodeClientOptions {
  readonly host: string;
  readonly port: number;
  /** From an earlier `login`. */
  readonly token?: string | undefined;
  /** For deadlines. Default: the clock of this process. */
  readonly clock?: Clock | undefined;
  /** Default: plain text, which does not leave this machine. */
  readonly security?: ConnectionSecurity | undefined;
}

export interface ExecuteOptions {
  /** Wait until the node shows at least this transaction. */
  readonly waitForTxId?: number | undefined;
  /** Milliseconds; the node's own limit when absent. */
  readonly timeoutMs?: number | undefined;
  /** Level of acknowledgement of this transaction alone: async, sync, quorum or applied, and how many replicas. */
  readonly acks?: AckLevel | undefined;
  /** Idempotency key: sent again after a lost answer, the write still takes effect once. */
  readonly key?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ExecuteAnswer {
  readonly results: readonly QueryResult[];
  /** Last transaction that the results show, or the one that the statements made. */
  readonly txId: number;
  readonly term: number;
  /** Replicas that held a written transaction durably when it was answered. */
  readonly acks: number;
}

/** A connection to one node. Every call throws `QuorateError`; UNAVAILABLE when the node cannot be reached. */
export class NodeClient implements Disposable {
  readonly #admin: AdminClient;
  readonly #query: QueryClient;
  readonly #replication: ReplicationClient;
  readonly #metadata = new Metadata();
  readonly verification: RemoteVerification;
  readonly users: RemoteUsers;
  readonly groups: RemoteGroups;
  readonly #clock: Clock;

  /** @throws QuorateError INVALID_ARGUMENT for plain text beyond this machine; TLS_FAILED, IO_ERROR */
  constructor(options: NodeClientOptions) {
    const { host, port, token, security } = options;
    this.#clock = options.clock ?? createNodeRuntime().clock;
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const { credentials, options: secureOptions } = channelSecurity(host, security);
    this.#admin = new AdminClient(address, credentials, { ...channelOptions, ...secureOptions });
    // One TCP connection for all services.
    const shared = { ...channelOptions, channelOverride: this.#admin.getChannel() };
    this.#query = new QueryClient(address, credentials, shared);
    this.#replication = new ReplicationClient(address, credentials, shared);
    this.verification = new RemoteVerification(
      new VerificationClient(address, credentials, shared),
      this.#metadata,
      () => this.#shortCall(),
    );
    this.users = new RemoteUsers(new UsersClient(address, credentials, shared), this.#metadata, () =>
      this.#shortCall(),
    );
    const orders = new GroupsClient(address, credentials, shared);
    this.groups = new RemoteGroups(orders, this.#metadata, () => ({ deadline: this.#clock.nowMs() + orderMs }));
    this.#useToken(token);
  }

  /** Gets a token and uses it for the calls that follow. @throws QuorateError UNAUTHENTICATED, OVERLOADED, UNAVAILABLE */
  async login(user: string, password: string): Promise<LoginResponse> {
    const response = await unary<LoginResponse>((callback) =>
      this.#admin.login({ user, password }, new Metadata(), this.#shortCall(), callback),
    );
    this.#useToken(response.token);
    return response;
  }

  /** The node and one database, or all of them. */
  status(database = ''): Promise<StatusResponse> {
    return unary((callback) => this.#admin.status({ database }, this.#metadata, this.#shortCall(), callback));
  }

  createDatabase(request: CreateDatabaseRequest): Promise<DatabaseStatus> {
    return unary((callback) => this.#admin.createDatabase(request, this.#metadata, callback));
  }

  updateDatabase(request: UpdateDatabaseRequest): Promise<DatabaseStatus> {
    return unary((callback) => this.#admin.updateDatabase(request, this.#metadata, callback));
  }

  loadDatabase(database: string): Promise<DatabaseStatus> {
    return unary((callback) => this.#admin.loadDatabase({ database }, this.#metadata, callback));
  }

  unloadDatabase(database: string): Promise<DatabaseStatus> {
    return unary((callback) => this.#admin.unloadDatabase({ database }, this.#metadata, callback));
  }

  async deleteDatabase(database: string): Promise<void> {
    await unary((callback) => this.#admin.deleteDatabase({ database }, this.#metadata, callback));
  }

  digest(database: string): Promise<DigestResponse> {
    return unary((callback) => this.#admin.digest({ database }, this.#metadata, callback));
  }

  /** The options of the node, with their values and where each came from. */
  async settings(): Promise<readonly Setting[]> {
    const response = await unary<SettingsResponse>((callback) =>
      this.#admin.settings({}, this.#metadata, this.#shortCall(), callback),
    );
    return response.settings;
  }

  /** Keeps the log of a database no longer for a replica that will not come back. */
  forgetReplica(database: string, replica: string): Promise<DatabaseStatus> {
    return unary((callback) => this.#admin.forgetReplica({ database, replica }, this.#metadata, callback));
  }

  /** Makes a new database from the bytes of a SQLite file. */
  async importDatabase(create: CreateDatabaseRequest, content: AsyncIterable<Uint8Array>): Promise<DatabaseStatus> {
    let stream: ReturnType<AdminClient['importDatabase']> | undefined;
    const answer = unary<DatabaseStatus>((callback) => {
      stream = this.#admin.importDatabase(this.#metadata, callback);
      return stream;
    });
    let answered = false;
    const done = answer.then(
      () => undefined,
      () => undefined,
    );
    void done.then(() => {
      answered = true;
    });
    stream?.write({ message: { $case: 'create', value: create } });
    for await (const bytes of content) {
      // A server that refuses the import answers before everything is sent.
      if (answered || stream === undefined) {
        break;
      }
      const chunk = { content: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
      await Promise.race([writeMessage(stream, { message: { $case: 'chunk', value: chunk } }), done]);
    }
    stream?.end();
    return answer;
  }

  /** The bytes of a plain SQLite file with the content of a database. */
  async *exportDatabase(database: string): AsyncGenerator<Uint8Array> {
    const stream = this.#admin.exportDatabase({ database }, this.#metadata);
    try {
      for await (const chunk of stream) {
        yield (chunk as { content: Buffer }).content;
      }
    } catch (error) {
      throw errorFromGrpc(error as ServiceError);
    } finally {
      stream.cancel();
    }
  }

  /** Runs statements as one transaction. */
  async execute(
    database: string,
    statements: readonly Statement[],
    options: ExecuteOptions = {},
  ): Promise<ExecuteAnswer> {
    const request = {
      database,
      statements: statements.map(toWireStatement),
      waitForTxId: BigInt(options.waitForTxId ?? 0),
      timeoutMs: options.timeoutMs ?? 0,
      acks: options.acks,
      idempotencyKey: options.key ?? '',
    };
    const response = await this.#execute(request, options.signal);
    const { results, txId, term, acks } = response;
    return { results: results.map(fromWireResult), txId: Number(txId), term: Number(term), acks };
  }

  /** The same, with results as the layers below know them. */
  async transact(
    database: string,
    statements: readonly Statement[],
    { acks, key, signal }: Pick<ExecuteOptions, 'acks' | 'key' | 'signal'>,
  ): Promise<ExecuteResponse> {
    const wire = statements.map(toWireStatement);
    const request = { database, statements: wire, waitForTxId: 0n, timeoutMs: 0, acks, idempotencyKey: key ?? '' };
    return await this.#execute(request, signal);
  }

  #execute(request: ExecuteRequest, signal?: AbortSignal): Promise<ExecuteResponse> {
    return inSpan(
      () => callSpan(QueryService.execute.path, request.database),
      (span) => {
        const metadata = span === undefined ? this.#metadata : withTrace(this.#metadata, span.headers);
        return unary<ExecuteResponse>((callback) => this.#query.execute(request, metadata, callback), signal);
      },
    );
  }

  /** Opens an interactive transaction with the token of this client. */
  openTransaction(): ReturnType<QueryClient['transaction']> {
    const headers = tracing()?.headers();
    return this.#query.transaction(headers === undefined ? this.#metadata : withTrace(this.#metadata, headers));
  }

  /** What became of a transaction: committed, waiting (in the log, not yet acknowledged) or absent. */
  async outcome(database: string, txId: number, term = 0): Promise<string> {
    const response = await unary<OutcomeResponse>((callback) =>
      this.#admin.outcome({ database, txId, term }, this.#metadata, this.#shortCall(), callback),
    );
    return response.outcome;
  }

  /** Opens ExportTx with the token of this client. */
  openExportTx(): ReturnType<ReplicationClient['exportTx']> {
    return this.#replication.exportTx(this.#metadata);
  }

  /** Opens ReplicateTx with the token of this client. */
  openReplicateTx(): ReturnType<ReplicationClient['replicateTx']> {
    return this.#replication.replicateTx(this.#metadata);
  }

  /** Opens ReplicateSnapshot with the token of this client. */
  openReplicateSnapshot(): ReturnType<ReplicationClient['replicateSnapshot']> {
    return this.#replication.replicateSnapshot(this.#metadata);
  }

  /** Opens ExportSnapshot with the token of this client. */
  openExportSnapshot(request: ExportSnapshotRequest): ReturnType<ReplicationClient['exportSnapshot']> {
    return this.#replication.exportSnapshot(request, this.#metadata);
  }

  [Symbol.dispose](): void {
    this.#query.close();
    this.#replication.close();
    this.verification.close();
    this.users.close();
    this.#admin.close();
  }

  #shortCall(): { deadline: number } {
    return { deadline: this.#clock.nowMs() + shortCallMs };
  }

  #useToken(token: string | undefined): void {
    if (token !== undefined) {
      this.#metadata.set('authorization', `Bearer ${token}`);
    }
  }
}
