import { asQuorateError, QuorateError } from '../../errors/interface.ts';
import type {
  ExportTxRequest,
  ReplicateTxRequest,
  ReplicateTxResponse,
  ReplicationServer,
} from '../../proto/interface.ts';
import { ReplicaSession } from '../../replication/interface.ts';
import type { RpcContext } from './rpc.ts';
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
        session = startSession(context, channel, message.value.database);
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

function startSession(context: RpcContext, channel: Channel, name: string): ReplicaSession {
  channel.require(name, 'admin');
  const { node } = context;
  const managed = node.databases.get(name);
  const stopFeeding = managed.startFeeding((reason) => session.end(reason));
  const session = new ReplicaSession({
    sink: managed.require().sink,
    // The caller puts in the name that the upstream knows.
    database: name,
    identity: managed.identity,
    runtime: node.runtime,
    limits: node.options.replicationLimits,
    onUpstreamPath: (path) => managed.learnUpstreamPath(path),
    onEnd: () => {
      stopFeeding();
      managed.learnUpstreamPath([]);
    },
  });
  session.start(channel).catch((error: unknown) => session.end(asQuorateError(error)));
  return session;
}
