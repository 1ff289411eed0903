/** The public face of the `client` layer: talking to a node over gRPC. */
export { writeMessage } from './call.ts';
export { NodeClient, type NodeClientOptions } from './node-client.ts';
export { ReplicationPump, type ReplicationPumpOptions, type ReplicationPumpState } from './replication-pump.ts';
export {
  fromWireResult,
  fromWireStatement,
  type QueryResult,
  toWireResult,
  toWireStatement,
} from './value-codec.ts';
