/** The public face of the `server` layer: a node, and a node with its endpoints. */

export { systemDatabaseName } from './auth/permissions.ts';
export { GrpcServer } from './grpc/grpc-server.ts';
export { defaultDatabaseName } from './node/database-catalog.ts';
export type { ManagedDatabase } from './node/managed-database.ts';
export { Node, noReplication, refuseSystemDatabase } from './node/node.ts';
export {
  type FollowRequest,
  followsNobody,
  type NodeOptions,
  type NodeReplicationOptions,
} from './node/node-options.ts';
export { type ReadConsistency, readAt } from './node/read-consistency.ts';
export { databaseStatusJson, statusJson } from './node/status-json.ts';
export { version } from './node/version.ts';
export { dialable, Server, type ServerOptions } from './server.ts';
