import type { ReaderPool } from '../../database/interface.ts';
import type { GrpcReplicationTransport } from '../../replication/interface.ts';
import type { Runtime } from '../../runtime/interface.ts';
import type { NodeAddress } from './follow-settings.ts';
import type { NodeDirectory, NodeIdentity } from './node-directory.ts';
import type { NodeOptions } from './node-options.ts';
import type { UpstreamClients } from './upstream-clients.ts';
import type { WriterWatch } from './writer-watch.ts';

/** What the databases of a node share. */
export interface NodeServices {
  readonly runtime: Runtime;
  readonly options: NodeOptions;
  readonly identity: NodeIdentity;
  readonly directory: NodeDirectory;
  readonly readers: ReaderPool;
  readonly transport: GrpcReplicationTransport;
  readonly upstreams: UpstreamClients;
  readonly writers: Pick<WriterWatch, 'failureOf'>;
  /** Aborts when the node is to stop, also while it starts. */
  readonly signal: AbortSignal | undefined;
  /** Where this node listens; undefined while it does not. */
  address(): NodeAddress | undefined;
  /** Where clients reach this node by HTTP; undefined when they do not. */
  httpUrl(): string | undefined;
}
