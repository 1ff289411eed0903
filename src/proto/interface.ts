/** The public face of the `proto` layer: the wire messages and service definitions generated from `proto/`; those of etcd apart. */
export * as etcd from './generated/etcd/etcd.ts';
export * from './generated/quorate/v1/admin.ts';
export * from './generated/quorate/v1/cluster.ts';
export * from './generated/quorate/v1/query.ts';
export * from './generated/quorate/v1/replication.ts';
export * from './generated/quorate/v1/users.ts';
export * from './generated/quorate/v1/verification.ts';
export * from './snapshot-messages.ts';
