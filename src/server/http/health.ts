import { parseBytes, parseDurationMs } from '../../config/interface.ts';
import { isQuorateError, QuorateError } from '../../errors/interface.ts';
import type { DatabaseStatus, ReplicatorStatus } from '../../proto/interface.ts';
import { defaultDatabaseName } from '../node/database-catalog.ts';
import type { Node } from '../node/node.ts';
import { type Answer, json } from './answer.ts';

/**
 * What a load balancer asks a node: whether it should get the connections of a kind. 200 says yes, 503 no; the paths are
 * those of Patroni. Source: https://patroni.readthedocs.io/en/latest/rest_api.html
 */
export type HealthCheck = (node: Node, parameters: URLSearchParams) => Answer;

/** How far a replica may be behind. */
type LagLimit = { readonly bytes: number } | { readonly ms: number };

/** A replica in one of these states still shows what it had, but no longer follows its upstream. */
const unfitStates: ReadonlySet<string> = new Set([
  'snapshot-needed',
  'copying',
  'installing',
  'diverged',
  'refused',
  'stopped',
]);

const alive: HealthCheck = (node) => verdict(node.options.limits.writerStallLiveness ? stalled(node) : undefined);
const ready: HealthCheck = (node) => verdict(unready(node) ?? stalled(node));

/** The health checks by their path. */
export const healthChecks: ReadonlyMap<string, HealthCheck> = new Map<string, HealthCheck>([
  ['/health', alive],
  ['/liveness', alive],
  ['/ready', ready],
  ['/readiness', ready],
  ['/primary', onDatabase(notPrimary)],
  ['/replica', onDatabase(notReplica)],
  ['/read-only', onDatabase((status, lag) => (status.role === 'primary' ? undefined : notReplica(status, lag)))],
  ['/sync', onDatabase(notSync)],
]);

/** Why a database does not fit; undefined when it does. */
type Misfit = (status: DatabaseStatus, lag: LagLimit | undefined) => string | undefined;

function onDatabase(misfit: Misfit): HealthCheck {
  return (node, parameters) => {
    const lag = lagLimit(parameters.get('lag'));
    const name = parameters.get('database') ?? defaultDatabaseName;
    const status = databaseStatus(node, name);
    const reason =
      unready(node) ?? unusable(status) ?? misfit(status as DatabaseStatus, lag) ?? leaderless(node, name, status);
    return verdict(reason, status?.role);
  };
}

function verdict(reason: string | undefined, role?: string): Answer {
  return reason === undefined ? json(200, { status: 'ok', role }) : json(503, { status: 'unavailable', role, reason });
}

function unready(node: Node): string | undefined {
  return node.isReady ? undefined : 'the server is starting or stopping';
}

function stalled({ writers }: Node): string | undefined {
  return writers.stalled.length === 0 ? undefined : `the writer is stalled of ${writers.stalled.join(', ')}`;
}

function databaseStatus(node: Node, name: string): DatabaseStatus | undefined {
  try {
    return node.databaseStatus(name);
  } catch (error) {
    if (isQuorateError(error) && error.code === 'DATABASE_NOT_FOUND') {
      return undefined;
    }
    throw error;
  }
}

function unusable(status: DatabaseStatus | undefined): string | undefined {
  return status?.state === 'open' ? undefined : 'the database is not open here';
}

/** Between the end of its lease and another one, a primary of a group is none. */
function leaderless(node: Node, name: string, status: DatabaseStatus | undefined): string | undefined {
  const membership = node.groups?.find(name);
  const mayLead = membership === undefined || membership.isLeading || status?.role !== 'primary';
  return mayLead ? undefined : 'its lease has ended';
}

function notPrimary({ role, lastError }: DatabaseStatus): string | undefined {
  if (role !== 'primary') {
    return 'this is a replica';
  }
  return lastError === undefined ? undefined : `it takes no writes: ${lastError.code}`;
}

function notReplica({ role, replicator }: DatabaseStatus, lag: LagLimit | undefined): string | undefined {
  if (role !== 'replica') {
    return 'this is the primary';
  }
  if (replicator !== undefined && unfitStates.has(replicator.state)) {
    return `its replicator is ${replicator.state}`;
  }
  return lag === undefined ? undefined : behind(replicator, lag);
}

function behind(replicator: ReplicatorStatus | undefined, limit: LagLimit): string | undefined {
  if (replicator === undefined || (replicator.state !== 'streaming' && replicator.upstreamTipTxId === 0)) {
    return 'its lag is not known';
  }
  const { lagBytes, lagMs } = replicator;
  const isBehind = 'bytes' in limit ? lagBytes > limit.bytes : lagMs > limit.ms;
  return isBehind ? `it is behind by ${lagBytes} bytes and ${Math.round(lagMs)} ms` : undefined;
}

/** Only what the upstream says now counts: it may have gone on without a replica that it does not reach. */
function notSync(status: DatabaseStatus, lag: LagLimit | undefined): string | undefined {
  const { replicator } = status;
  const isSync = replicator?.state === 'streaming' && replicator.isSync;
  return notReplica(status, lag) ?? (isSync ? undefined : 'its primary waits for no acknowledgement of it');
}

/** @throws QuorateError INVALID_ARGUMENT */
function lagLimit(text: string | null): LagLimit | undefined {
  if (text === null) {
    return undefined;
  }
  const bytes = parseBytes(text);
  const ms = parseDurationMs(text);
  if (bytes !== undefined) {
    return { bytes };
  }
  if (ms === undefined) {
    throw new QuorateError('INVALID_ARGUMENT', 'lag is neither a number of bytes nor a duration', {
      hint: 'Say lag=10MB or lag=2s.',
    });
  }
  return { ms };
}
