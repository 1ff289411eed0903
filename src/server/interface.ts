/** The public face of the `server` layer: a node, and a node with its endpoints. */
export { defaultDatabaseName, systemDatabaseName } from './node/database-catalog.ts';
export { Node, noReplication } from './node/node.ts';
export type { NodeOptions, NodeReplicationOptions } from './node/node-options.ts';
export { databaseStatusJson, statusJson } from './node/status-json.ts';
export { version } from './node/version.ts';
export { Server, type ServerOptions } from './server.ts';
