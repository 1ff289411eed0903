import { defineOptions } from './option.ts';

export const defaultPort = 3322;

/**
 * How a database follows another one: for `systemdb` and `defaultdb` on `server`, for one database on `database create`
 * and `database update`. The older names say master and follower.
 */
export const replicationOptions = defineOptions('Replication', {
  replicationEnabled: {
    type: 'boolean',
    help: 'Run a replicator that follows the primary. A replica without one is fed from outside (quorate replicate).',
  },
  replicationPrimaryHost: {
    type: 'address',
    help: 'Host of the primary; this node itself when only its database is given.',
    aliases: ['replication-master-address'],
  },
  replicationPrimaryPort: {
    type: 'integer',
    default: defaultPort,
    min: 1,
    max: 65_535,
    help: 'gRPC port of the primary.',
    aliases: ['replication-master-port'],
  },
  replicationPrimaryDatabase: {
    type: 'string',
    help: 'Database of the primary to follow; by default the one of the same name.',
    aliases: ['replication-master-database'],
  },
  replicationPrimaryUsername: {
    type: 'string',
    help: 'User of the primary with admin permission on that database.',
    aliases: ['replication-follower-username'],
  },
  replicationPrimaryPassword: {
    type: 'string',
    secret: true,
    help: 'Password of that user. A flag can be seen by other users of this machine: prefer the file or the variable.',
    aliases: ['replication-follower-password'],
  },
});
