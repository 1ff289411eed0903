import { NodeClient, RemoteWriter } from '../../client/interface.ts';
import type { Database, Upstream, Writer } from '../../database/interface.ts';
import { isQuorateError, QuorateError } from '../../errors/interface.ts';
import type { GrpcReplicationTransport } from '../../replication/interface.ts';
import type { Clock } from '../../runtime/interface.ts';
import { type NodeAddress, resolveUpstream } from './follow-settings.ts';

export interface UpstreamClientsOptions {
  /** It keeps the tokens of earlier logins. */
  readonly transport: GrpcReplicationTransport;
  readonly clock: Clock;
  readonly address: () => NodeAddress | undefined;
}

interface UpstreamConnection {
  readonly client: NodeClient;
  /** Its name there. */
  readonly database: string;
  readonly upstream: Upstream;
}

/** Asks the upstreams of replicas what goes beyond the stream of records, with the same credentials. */
export class UpstreamClients {
  readonly #options: UpstreamClientsOptions;

  constructor(options: UpstreamClientsOptions) {
    this.#options = options;
  }

  /**
   * Runs an action with a connection to the upstream of a replica and the name of the database there.
   * @throws QuorateError WRONG_ROLE without an upstream; UNAUTHENTICATED, UNAVAILABLE …
   */
  async use<T>(database: Database, action: (client: NodeClient, name: string) => Promise<T>): Promise<T> {
    const { client: connected, database: name, upstream } = await this.connect(database);
    using client = connected;
    try {
      return await action(client, name);
    } catch (error) {
      this.#noteRefusal(upstream, error);
      throw error;
    }
  }

  /**
   * The writer of the upstream.
   * @param gone aborted when the upstream does not answer for the database any more
   */
  writer(database: Database, gone?: AbortSignal): Writer {
    let upstream: Upstream | undefined;
    const connect = async () => {
      const connection = await this.connect(database);
      upstream = connection.upstream;
      return connection;
    };
    return new RemoteWriter(connect, (error) => this.#noteRefusal(upstream, error), gone);
  }

  /** A token that is refused is not used again. */
  #noteRefusal(upstream: Upstream | undefined, error: unknown): void {
    if (upstream !== undefined && isQuorateError(error) && error.code === 'UNAUTHENTICATED') {
      this.#options.transport.forget(upstream);
    }
  }

  /** A connection to the upstream of a replica, which the caller closes. @throws QuorateError as `use` does */
  async connect(database: Database): Promise<UpstreamConnection> {
    const { transport, clock, address } = this.#options;
    const { role, replication } = database.settings;
    if (role !== 'replica' || replication.upstream === undefined) {
      throw new QuorateError('WRONG_ROLE', `database ${database.name} follows no upstream`, {
        hint: 'A primary has none, and this node does not know that of a replica which is fed from outside.',
      });
    }
    const upstream = resolveUpstream(replication.upstream, address());
    const { host, port } = upstream;
    const token = await transport.token(upstream);
    const client = new NodeClient({ host, port, token, clock, security: transport.security });
    return { client, database: upstream.database, upstream };
  }
}
