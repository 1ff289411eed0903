import { NodeClient } from '../../client/interface.ts';
import type { Database } from '../../database/interface.ts';
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
    const { transport, clock, address } = this.#options;
    const { role, replication } = database.settings;
    if (role !== 'replica' || replication.upstream === undefined) {
      throw new QuorateError('WRONG_ROLE', `database ${database.name} follows no upstream`, {
        hint: 'A primary has none, and this node does not know that of a replica which is fed from outside.',
      });
    }
    const upstream = resolveUpstream(replication.upstream, address());
    const { host, port } = upstream;
    using client = new NodeClient({
      host,
      port,
      token: await transport.token(upstream),
      clock,
      security: transport.security,
    });
    try {
      return await action(client, upstream.database);
    } catch (error) {
      if (isQuorateError(error) && error.code === 'UNAUTHENTICATED') {
        transport.forget(upstream);
      }
      throw error;
    }
  }
}
