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
    help: 'User of the primary with replication or admin permission on that database.',
    aliases: ['replication-follower-username'],
  },
  replicationPrimaryPassword: {
    type: 'string',
    secret: true,
    help: 'Password of that user. A flag can be seen by other users of this machine: prefer the file or the variable.',
    aliases: ['replication-follower-password'],
  },
});

/** What a replica does with records that it holds, and with writes that it receives; for one database. */
export const delayOptions = defineOptions('Replication', {
  replicationForwardWrites: {
    type: 'boolean',
    help: 'Send writes that this replica receives to its primary, as the user of its replication; otherwise they are refused.',
  },
  replicationDelayMs: {
    type: 'duration',
    help: 'How old a transaction must be before this replica shows it; it holds it on disk at once. 0ms for none.',
  },
});

/** How a server with `--replication-enabled` follows the whole of another. */
export const wholeServerOptions = defineOptions('Replication', {
  replicationInclude: {
    type: 'string',
    placeholder: 'PATTERNS',
    default: '*',
    help: 'Databases of the other server to follow, with commas between; * stands for any text. systemdb is always among them.',
  },
  replicationExclude: {
    type: 'string',
    placeholder: 'PATTERNS',
    help: 'Databases of the other server not to follow, in the same form.',
  },
  replicationDiscoveryIntervalMs: {
    type: 'duration',
    default: 2_000,
    min: 50,
    max: 60 * 60 * 1000,
    help: 'How often the other server is asked for its databases.',
  },
});
