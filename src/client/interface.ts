/** The public face of the `client` layer: talking to a node over gRPC. */
export { unary, writeMessage } from './call.ts';
export { type ComparedNode, pageLimits, rangeLimits } from './compared-node.ts';
export {
  type Comparison,
  type ComparisonCursor,
  type ComparisonOptions,
  compareNodes,
  type Difference,
  type DifferentRange,
  type RowDifference,
} from './comparison.ts';
export { NodeClient, type NodeClientOptions } from './node-client.ts';
export { RemoteTransaction } from './remote-transaction.ts';
export { RemoteWriter } from './remote-writer.ts';
export { ReplicationPump, type ReplicationPumpOptions, type ReplicationPumpState } from './replication-pump.ts';
export {
  fromWireResult,
  fromWireStatement,
  fromWireStatementResult,
  type QueryResult,
  toWireResult,
  toWireStatement,
} from './value-codec.ts';
