import type { DatabaseSettings, Role, Upstream } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { UpdateDatabaseRequest } from '../../proto/interface.ts';
import { changedAcks } from './ack-settings.ts';
import type { FollowRequest } from './node-options.ts';

/** Where a node can be reached. */
export interface NodeAddress {
  readonly host: string;
  readonly port: number;
}

/** As the host of an upstream: the node itself, wherever it listens after its next start. */
export const thisNode = '';

const firstTerm = 1;
const namePattern = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** @throws QuorateError INVALID_ARGUMENT */
export function checkDatabaseName(name: string): void {
  if (!namePattern.test(name)) {
    throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(name)} is no name for a database`, {
      hint: 'Use 1 to 63 lower-case letters, digits, "-" and "_", beginning with a letter or a digit.',
    });
  }
}

function checkRole(role: string): Role {
  if (role !== 'primary' && role !== 'replica') {
    throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(role)} is no role`, {
      hint: 'Use primary or replica.',
    });
  }
  return role;
}

function wantsUpstream(request: FollowRequest): boolean {
  const { host, port, database, username, password } = request;
  return host !== '' || port !== 0 || database !== '' || username !== '' || password !== '';
}

/** The settings of a new database. Replication flags make it a replica unless the role is said to be primary. */
export function newSettings(name: string, request: FollowRequest, own: NodeAddress | undefined): DatabaseSettings {
  const implied = request.enabled || wantsUpstream(request) ? 'replica' : 'primary';
  const role = checkRole(request.role === '' ? implied : request.role);
  const settings = settingsOf(name, role, role === 'primary' ? firstTerm : 0, request, own);
  return { ...settings, acks: changedAcks(undefined, request.acks) };
}

/** The settings after an update; fields that are absent stay as they are. */
export function changedSettings(
  name: string,
  current: DatabaseSettings,
  change: UpdateDatabaseRequest,
  own: NodeAddress | undefined,
): DatabaseSettings {
  const { enabled, upstream } = current.replication;
  const request: FollowRequest = {
    role: change.role ?? (change.replicationEnabled ? 'replica' : current.role),
    enabled: change.replicationEnabled ?? (change.role === 'primary' ? false : enabled),
    host: change.primaryHost ?? upstream?.host ?? '',
    // A new host without a port means the usual port, not the one of the old host.
    port: change.primaryPort ?? (change.primaryHost === undefined ? (upstream?.port ?? 0) : 0),
    database: change.primaryDatabase ?? upstream?.database ?? '',
    username: change.primaryUsername ?? upstream?.username ?? '',
    password: change.primaryPassword ?? upstream?.password ?? '',
    ...changedHandling(current, change),
    followed: isFollowingChanged(change) ? undefined : current.replication.followed,
  };
  const settings = settingsOf(name, checkRole(request.role), current.term, request, own);
  const { group } = current;
  return { ...settings, acks: changedAcks(current.acks, change.acks), ...(group !== undefined && { group }) };
}

/** What a replica does with records and writes; a primary has neither. */
function changedHandling(
  { replication }: DatabaseSettings,
  { role, replicationDelayMs, replicationForwardWrites }: UpdateDatabaseRequest,
): Pick<FollowRequest, 'delayMs' | 'forwardWrites'> {
  const before = role === 'primary' ? undefined : replication;
  return {
    delayMs: replicationDelayMs ?? before?.delayMs,
    forwardWrites: replicationForwardWrites ?? before?.forwardWrites,
  };
}

/** Whether a person says whom the database follows: from then on it is no longer the business of a followed server. */
function isFollowingChanged(change: UpdateDatabaseRequest): boolean {
  const { role, replicationEnabled, primaryHost, primaryPort, primaryDatabase, primaryUsername, primaryPassword } =
    change;
  const given = [role, replicationEnabled, primaryHost, primaryPort, primaryDatabase, primaryUsername, primaryPassword];
  return given.some((value) => value !== undefined);
}

function settingsOf(
  name: string,
  role: Role,
  term: number,
  request: FollowRequest,
  own: NodeAddress | undefined,
): DatabaseSettings {
  if (role === 'primary') {
    refuseReplicationOfPrimary(request);
    return { role, term, replication: { enabled: false } };
  }
  const { delayMs = 0, forwardWrites = false, followed } = request;
  const lasting = {
    ...(delayMs > 0 && { delayMs }),
    ...(forwardWrites && { forwardWrites }),
    ...(followed !== undefined && { followed }),
  };
  if (!request.enabled && !wantsUpstream(request)) {
    return { role, term, replication: { enabled: false, ...lasting } };
  }
  const upstream = upstreamOf(name, request, own);
  if (request.enabled) {
    checkUpstream(name, upstream, own);
  }
  return { role, term, replication: { enabled: request.enabled, upstream, ...lasting } };
}

function refuseReplicationOfPrimary(request: FollowRequest): void {
  if (request.enabled) {
    throw new QuorateError('INVALID_ARGUMENT', 'a primary follows nobody, so replication cannot be enabled for it', {
      hint: 'Leave out the role, or say --role replica.',
    });
  }
  if (request.forwardWrites) {
    throw new QuorateError('INVALID_ARGUMENT', 'a primary takes writes itself, so it forwards none', {
      hint: 'Give --replication-forward-writes to a replica.',
    });
  }
  if (request.delayMs) {
    throw new QuorateError('INVALID_ARGUMENT', 'a primary shows what is committed at once, so it takes no delay', {
      hint: 'Give --replication-delay to a replica.',
    });
  }
}

const defaultPort = 3322;

function upstreamOf(name: string, request: FollowRequest, own: NodeAddress | undefined): Upstream {
  const { host, port, username, password } = request;
  const database = request.database === '' ? name : request.database;
  // Without a host, a port that is not this node's means another node on this machine.
  const isThisNode = host === '' && (port === 0 || port === own?.port);
  const address = isThisNode
    ? { host: thisNode, port: own?.port ?? defaultPort }
    : { host: host === '' ? '127.0.0.1' : host, port: port === 0 ? defaultPort : port };
  return { ...address, database, username, password };
}

function checkUpstream(name: string, upstream: Upstream, own: NodeAddress | undefined): void {
  if (upstream.username === '' || upstream.password === '') {
    throw new QuorateError('INVALID_ARGUMENT', 'a replica needs a user and a password of its primary', {
      hint: 'Give --replication-primary-username and --replication-primary-password-file.',
    });
  }
  checkDatabaseName(upstream.database);
  const isThisNode = upstream.host === thisNode || (upstream.host === own?.host && upstream.port === own.port);
  if (isThisNode && upstream.database === name) {
    throw new QuorateError('INVALID_ARGUMENT', `${name} cannot follow itself`, {
      hint: 'Give --replication-primary-database, or the host and port of another server.',
    });
  }
}

/** The upstream with an address that can be dialled. */
export function resolveUpstream(upstream: Upstream, own: NodeAddress | undefined): Upstream {
  if (upstream.host !== thisNode) {
    return upstream;
  }
  if (own === undefined) {
    throw new QuorateError('UNAVAILABLE', 'this node does not listen, so its databases cannot follow each other');
  }
  return { ...upstream, host: own.host, port: own.port };
}
