import { QuorateError } from '../../errors/interface.ts';
import type { ExportTxRequest, ExportTxResponse, ReplicationServer } from '../../proto/interface.ts';
import type { ChannelListener } from '../../replication/interface.ts';
import type { RpcContext } from './rpc.ts';
import { ServerChannel, serveStream } from './server-channel.ts';

/** Hands a replica's stream to the exporter of the database that its first message names. */
export function exportTx(context: RpcContext): ReplicationServer['exportTx'] {
  return (call) => {
    const channel = new ServerChannel<ExportTxResponse, ExportTxResponse>(context, call, (message) => message);
    let session: ChannelListener<ExportTxRequest> | undefined;
    const begin = ({ message }: ExportTxRequest) => {
      if (message?.$case !== 'start') {
        throw new QuorateError('PROTOCOL_ERROR', 'the first message of ExportTx must be "start"');
      }
      channel.require(message.value.database, 'replication');
      context.node.groups?.checkExport(message.value.database, message.value.replicaId);
      const exporter = context.node.databases.get(message.value.database).requireExporter();
      return exporter.accept(channel, call.getPeer());
    };
    serveStream(call, channel, {
      onMessage(message) {
        session ??= begin(message);
        session.onMessage(message);
      },
      onDrain: () => session?.onDrain(),
      onEnd: (error) => session?.onEnd(error),
    });
  };
}
