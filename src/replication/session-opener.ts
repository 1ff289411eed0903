import type { ReplicationSink, Upstream } from '../database/interface.ts';
import { asQuorateError, type QuorateError } from '../errors/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import type { ConnectionSecurity } from '../tls/interface.ts';
import type { LagMeter } from './lag-meter.ts';
import type { ReplicationLimits } from './limits.ts';
import { type ReplicaIdentity, ReplicaSession, type ReplicaSessionOptions } from './replica-session.ts';
import type { ReplicationTransport } from './types.ts';

/** What one who follows an upstream wants to know of a session. */
export interface SessionListener {
  /** See ReplicaSessionOptions. */
  readonly onUpstreamPath: (path: readonly string[]) => void;
  readonly onStreaming: () => void;
  /** Called once, with the reason if it is an error. */
  readonly onEnd: (error: QuorateError | undefined) => void;
}

/** A session from outside, wherever it runs. */
export interface OpenSession {
  /** Makes the lag tell of this moment. */
  measure(): void;
  end(): void;
}

export interface SessionSettings {
  readonly upstream: Upstream;
  readonly identity: ReplicaIdentity;
  readonly limits: ReplicationLimits;
  /** Whether a snapshot can be fetched when the upstream asks for that. */
  readonly acceptsSnapshot: boolean;
  /** See ReplicaSessionOptions. */
  readonly wantsSnapshot: boolean;
  /** How a session on another thread connects; a local one has its transport. */
  readonly security?: ConnectionSecurity | undefined;
}

export interface LocalSessionOptions extends SessionSettings {
  readonly sink: ReplicationSink;
  readonly transport: ReplicationTransport;
  readonly runtime: Runtime;
  /** See ReplicaSessionOptions. */
  readonly lag?: LagMeter | undefined;
}

/** Sessions that run where they are opened. */
export function localSession(
  options: LocalSessionOptions,
  listener: SessionListener & Pick<ReplicaSessionOptions, 'onHeard'>,
): OpenSession {
  const { transport, upstream } = options;
  const session = new ReplicaSession({ ...options, ...listener, database: upstream.database });
  const open = async () => await session.start(transport.openExport(upstream, session));
  open().catch((error: unknown) => session.end(asQuorateError(error)));
  return session;
}
