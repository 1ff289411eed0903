import { asQuorateError, QuorateError } from '../../errors/interface.ts';
import type {
  ExportTxRequest,
  ReplicateTxRequest,
  ReplicateTxResponse,
  ReplicationServer,
} from '../../proto/interface.ts';
import { ReplicaSession } from '../../replication/interface.ts';
import type { Feeder } from '../node/feeding-slot.ts';
import { peerAddress, type RpcContext } from './rpc.ts';
import { ServerChannel, serveStream } from './server-channel.ts';

type Channel = ServerChannel<ExportTxRequest, ReplicateTxResponse>;

/** Lets an external replicator feed a replica: this node speaks as the replica, the caller carries its messages. */
export function replicateTx(context: RpcContext): ReplicationServer['replicateTx'] {
  return (call) => {
    const channel: Channel = new ServerChannel(context, call, (replica) => ({ replica }));
    let session: ReplicaSession | undefined;
    const receive = ({ message }: ReplicateTxRequest) => {
      if (message?.$case === 'upstream' && session !== undefined) {
        session.onMessage(message.value);
      } else if (message?.$case === 'start' && session === undefined) {
        session = startSession(context, channel, { database: message.value.database, address: peerAddress(call) });
      } else {
        throw new QuorateError(
          'PROTOCOL_ERROR',
          'ReplicateTx begins with one "start", and messages of the upstream follow',
        );
      }
    };
    serveStream(call, channel, {
      onMessage: receive,
      onDrain: () => session?.onDrain(),
      onEnd: (error) => session?.onEnd(error),
    });
  };
}

function startSession(
  { node }: RpcContext,
  channel: Channel,
  { database, address }: { readonly database: string; readonly address: string },
): ReplicaSession {
  channel.require(database, 'admin');
  const managed = node.databases.get(database);
  let state: Feeder['state'] = 'negotiating';
  const stopFeeding = managed.startFeeding({
    address,
    get state() {
      return state;
    },
    get lag() {
      return session.lag.report();
    },
    stop: async (reason) => session.end(reason),
  });
  const session = new ReplicaSession({
    sink: managed.require().sink,
    // The caller puts in the name that the upstream knows.
    database,
    identity: managed.identity,
    runtime: node.runtime,
    limits: node.options.replicationLimits,
    onUpstreamPath: (path) => managed.learnUpstreamPath(path),
    onStreaming: () => {
      state = 'streaming';
      const isLeft = (error: unknown) =>
        node.runtime.logger.warn({ database, error: String(error) }, 'cannot remove what was received of a snapshot');
      managed.require().inbox.discard().catch(isLeft);
    },
    onEnd: () => {
      stopFeeding();
      managed.learnUpstreamPath([]);
    },
  });
  session.start(channel).catch((error: unknown) => session.end(asQuorateError(error)));
  return session;
}
