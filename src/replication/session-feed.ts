/** What a writer's thread loads to follow an upstream from there: sessions as feeds. */
import type { FeedOwner, FeedRunner, Feeds, ReplicationSink } from '../database/interface.ts';
import type { QuorateError } from '../errors/interface.ts';
import { createNodeRuntime, nullLogger } from '../runtime/interface.ts';
import { GrpcReplicationTransport } from './grpc-transport.ts';
import type { LagMeter, UpstreamPosition } from './lag-meter.ts';
import { localSession, type OpenSession, type SessionListener, type SessionSettings } from './session-opener.ts';

/** What a session tells the node's thread. */
type SessionEvent =
  | readonly [kind: 'path', replicaIds: readonly string[]]
  | readonly [kind: 'streaming']
  | readonly [kind: 'heard', upstream: UpstreamPosition, began: boolean];

/** How often the node's thread hears of the upstream's positions at most, in milliseconds: it only shows them to people. */
const heardIntervalMs = 100;

/** Address of this module, for the writer's thread. */
export const sessionFeedModule = import.meta.url;

/** Called on the writer's thread. */
export function createFeedRunner(): FeedRunner {
  const runtime = createNodeRuntime(nullLogger);
  let transport: GrpcReplicationTransport | undefined;
  return {
    open(start: unknown, sink: ReplicationSink, owner: FeedOwner) {
      const settings = start as SessionSettings;
      // The settings of a node stay as they are while it runs, so the first session tells those of all.
      transport ??= new GrpcReplicationTransport(runtime.clock, settings.security);
      const report = (event: SessionEvent) => owner.report(event);
      let heardMs = -Infinity;
      const session = localSession(
        { ...settings, sink, transport, runtime },
        {
          onUpstreamPath: (path) => report(['path', path]),
          onStreaming: () => report(['streaming']),
          onHeard: (lag, began) => {
            const nowMs = runtime.clock.monotonicMs();
            if (began || nowMs - heardMs >= heardIntervalMs) {
              heardMs = nowMs;
              report(['heard', lag.upstream, began]);
            }
          },
          onEnd: (error) => owner.ended(error),
        },
      );
      return { close: () => session.end() };
    },
  };
}

export interface FeedSessionOptions extends SessionSettings {
  readonly feeds: Feeds;
  /** The sink of this thread, which tells how far the replica is. */
  readonly sink: ReplicationSink;
  readonly lag: LagMeter;
}

/** A session on the writer's thread, as the node's thread sees it. */
export function feedSession(options: FeedSessionOptions, listener: SessionListener): OpenSession {
  const { feeds, sink, lag, upstream, identity, limits, acceptsSnapshot, wantsSnapshot, security } = options;
  const measure = () => lag.moved({ ...sink.positions(), unappliedBytes: sink.unappliedBytes() });
  measure();
  const unsubscribe = sink.subscribe(measure);
  let ended = false;
  const end = (error: QuorateError | undefined) => {
    if (!ended) {
      ended = true;
      unsubscribe();
      listener.onEnd(error);
    }
  };
  const start: SessionSettings = { upstream, identity, limits, acceptsSnapshot, wantsSnapshot, security };
  const feed = feeds.open(start, {
    report: (reported) => {
      const event = reported as SessionEvent;
      if (ended) {
        return;
      }
      switch (event[0]) {
        case 'path':
          return listener.onUpstreamPath(event[1]);
        case 'streaming':
          return listener.onStreaming();
        case 'heard':
          return event[2] ? lag.started(event[1]) : lag.heard(event[1]);
      }
    },
    ended: end,
  });
  return {
    measure,
    end: () => {
      feed.close();
      end(undefined);
    },
  };
}
