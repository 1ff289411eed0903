import type { CoordinatorSettings } from '../../cluster/interface.ts';
import type { clusterOptions, nodeLimitOptions, OptionReport, OptionValues } from '../../config/interface.ts';
import type { DatabaseLimits } from '../../database/interface.ts';
import type { AckSettings } from '../../proto/interface.ts';
import type { ReplicationLimits } from '../../replication/interface.ts';
import type { TlsSettings } from '../../tls/interface.ts';
import type { SecurityLimits } from '../auth/security.ts';

/** What to do with replication flags of the server: they tell whose databases it follows, `systemdb` among them. */
export interface NodeReplicationOptions {
  readonly enabled: boolean | undefined;
  readonly host: string | undefined;
  readonly port: number | undefined;
  /** The database that `defaultdb` follows; `systemdb` follows the upstream's `systemdb`. */
  readonly database: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** Comma-separated patterns of the databases to follow; all when absent. */
  readonly include?: string | undefined;
  /** Comma-separated patterns of the databases not to follow. */
  readonly exclude?: string | undefined;
  /** Milliseconds between two questions for the databases of the followed server. Default 2000. */
  readonly discoveryIntervalMs?: number | undefined;
}

export interface ClusterSettings extends OptionValues<typeof clusterOptions>, CoordinatorSettings {}

export type NodeLimits = OptionValues<typeof nodeLimitOptions>;

export interface NodeOptions {
  /** Folder of all data; created when absent. */
  readonly directory: string;
  /** What people call the node; kept from the first start when absent. */
  readonly name?: string | undefined;
  readonly adminPassword?: string | undefined;
  readonly security: SecurityLimits;
  /** How the node takes part in replication groups; not at all when absent. */
  readonly cluster?: ClusterSettings | undefined;
  readonly tls: TlsSettings;
  readonly replication: NodeReplicationOptions;
  readonly limits: NodeLimits;
  readonly databaseLimits: DatabaseLimits;
  readonly replicationLimits: ReplicationLimits;
  /** What super-admins are told about these options; nothing when absent. Secrets are hidden in it. */
  readonly settings?: readonly OptionReport[] | undefined;
}

/** Options that a database of the node is created with; an empty text or 0 stands for "not given". */
export interface FollowRequest {
  readonly role: string;
  readonly enabled: boolean;
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly username: string;
  readonly password: string;
  readonly acks?: AckSettings | undefined;
  /** Milliseconds by which a replica applies late; absent or 0 for none. */
  readonly delayMs?: number | undefined;
  /** Whether writes that a replica receives go to its primary. */
  readonly forwardWrites?: boolean | undefined;
  /** Id of the node whose whole server is followed, if that is why the database is made. */
  readonly followed?: string | undefined;
}

/** What makes a plain primary. */
export const followsNobody: FollowRequest = {
  role: 'primary',
  enabled: false,
  host: '',
  port: 0,
  database: '',
  username: '',
  password: '',
};
