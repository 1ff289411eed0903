import {
  defineOptions,
  delayOptions,
  type OptionValues,
  type ParsedOptions,
  replicationOptions,
  syncOptions,
} from '../config/interface.ts';
import type {
  AckSettings,
  CreateDatabaseRequest,
  ReplicationSettings,
  UpdateDatabaseRequest,
} from '../proto/interface.ts';
import { clientOptions } from './client-options.ts';

const roleOptions = defineOptions('Role', {
  role: {
    type: 'choice',
    choices: ['primary', 'replica'],
    help: 'Role of the database; a replica when replication flags are given, otherwise a primary.',
  },
});

export const databaseOptions = {
  ...roleOptions,
  ...replicationOptions,
  ...delayOptions,
  ...syncOptions,
  ...clientOptions,
} as const;

export const waitOptions = defineOptions('Waiting', {
  wait: {
    type: 'boolean',
    help: 'Show how a new replica gets its content, until it streams; on a terminal that is the default.',
  },
});

type Parsed = ParsedOptions<typeof databaseOptions>;

/** What was given of the replication flags. The port has a default, which must not count as given. */
function givenReplication({ values, given }: Parsed): Partial<ReplicationSettings> {
  return {
    ...(values.replicationPrimaryHost !== undefined && { primaryHost: values.replicationPrimaryHost }),
    ...(given.has('replicationPrimaryPort') && { primaryPort: values.replicationPrimaryPort }),
    ...(values.replicationPrimaryDatabase !== undefined && { primaryDatabase: values.replicationPrimaryDatabase }),
    ...(values.replicationPrimaryUsername !== undefined && { primaryUsername: values.replicationPrimaryUsername }),
    ...(values.replicationPrimaryPassword !== undefined && { primaryPassword: values.replicationPrimaryPassword }),
  };
}

/** What was given of the flags on acknowledgements; undefined when none was. */
function givenAcks({ values }: Parsed): AckSettings | undefined {
  const {
    replicationSyncEnabled: enabled,
    replicationSyncLevel: level,
    replicationSyncAcks: acks,
    replicationSyncMembers: members,
    replicationSyncWhenShort: whenShort,
    replicationSyncDegradeAfterMs: degradeAfterMs,
    replicationSyncTimeoutMs: timeoutMs,
  } = values;
  const given = [enabled, level, acks, members, whenShort, degradeAfterMs, timeoutMs];
  if (given.every((value) => value === undefined)) {
    return undefined;
  }
  const implied = enabled === undefined ? '' : enabled ? 'sync' : 'async';
  return {
    level: level ?? implied,
    acks: acks ?? 0,
    members: members?.split(',').map((name) => name.trim()) ?? [],
    whenShort: whenShort ?? '',
    degradeAfterMs: degradeAfterMs ?? 0,
    timeoutMs: timeoutMs ?? 0,
  };
}

export function createRequest(database: string, parsed: Parsed): CreateDatabaseRequest {
  const nothing = { primaryHost: '', primaryPort: 0, primaryDatabase: '', primaryUsername: '', primaryPassword: '' };
  const enabled = parsed.values.replicationEnabled ?? false;
  return {
    database,
    role: parsed.values.role ?? '',
    replication: {
      ...nothing,
      ...givenReplication(parsed),
      enabled,
      delayMs: parsed.values.replicationDelayMs,
      forwardWrites: parsed.values.replicationForwardWrites,
    },
    acks: givenAcks(parsed),
  };
}

export function updateRequest(database: string, parsed: Parsed): UpdateDatabaseRequest {
  return {
    database,
    role: parsed.values.role,
    replicationEnabled: parsed.values.replicationEnabled,
    ...givenReplication(parsed),
    acks: givenAcks(parsed),
    replicationDelayMs: parsed.values.replicationDelayMs,
    replicationForwardWrites: parsed.values.replicationForwardWrites,
  };
}

export type ConnectionValues = Pick<OptionValues<typeof clientOptions>, 'host' | 'port' | 'token'>;
