import type { ReplicationSource, SnapshotSource } from '../database/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import type { ExportSnapshotRequest, ExportTxRequest, ExportTxResponse } from '../proto/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import { Acknowledgements, counts } from './acknowledgements.ts';
import { type AwaitedReplica, ExportSession } from './export-session.ts';
import { Lead } from './lead.ts';
import type { ReplicationLimits } from './limits.ts';
import { exportSnapshot, type SnapshotExportOptions } from './snapshot-export.ts';
import type { AttachedReplica, ChannelListener, MessageChannel } from './types.ts';

export interface ExporterOptions {
  readonly source: ReplicationSource;
  readonly limits: ReplicationLimits;
  readonly runtime: Runtime;
  /** Replicas that may be attached at once; one more is refused with OVERLOADED. */
  readonly maxReplicas: number;
  /** Snapshots of the database; without them nobody can be seeded. */
  readonly snapshots?: SnapshotSource | undefined;
  /** Replica ids of this database and of those that it follows; nothing is told to replicas when absent. */
  readonly path?: (() => readonly string[]) | undefined;
  /** Called when a replica has promised a higher term than that of this database: another node is primary, or is about to be. */
  readonly onHigherTerm?: ((term: number) => void) | undefined;
}

type SendSnapshotPart = SnapshotExportOptions['send'];

/** Serves the log of one database to everyone who follows it. It never waits for a replica: each has a session of its own. */
export class Exporter {
  readonly #options: ExporterOptions;
  readonly #sessions = new Set<ExportSession>();
  readonly #sending = new Set<AbortController>();
  #acknowledgements = new Acknowledgements();
  /** Of the source, when the first of them came. */
  #cutCount = 0;
  readonly #lead = new Lead();
  #snapshotBytes = 0;

  constructor(options: ExporterOptions) {
    this.#options = options;
  }

  /** Takes a stream that a replica has opened; what arrives on it goes to the returned listener. */
  accept(peer: MessageChannel<ExportTxResponse>, address: string): ChannelListener<ExportTxRequest> {
    const { maxReplicas, snapshots, ...options } = this.#options;
    if (this.#sessions.size >= maxReplicas) {
      throw new QuorateError('OVERLOADED', `${maxReplicas} replicas are attached already`, {
        hint: 'Let this replica follow another replica, or raise max-replicas.',
      });
    }
    const session = new ExportSession({
      ...options,
      peer,
      address,
      onEnd: () => {
        this.#sessions.delete(session);
        this.#lead.ended(session);
      },
      onProgress: () => this.#progress(session),
      awaited: () => this.#awaited(session),
    });
    this.#sessions.add(session);
    return session;
  }

  #awaited(session: ExportSession): AwaitedReplica {
    const count = this.#options.source.awaitedCount();
    return count === 0 ? 'none' : this.#lead.includes(session, count) ? 'this' : 'others';
  }

  /** Sends a snapshot to a replica. @throws QuorateError as `exportSnapshot` does */
  async sendSnapshot(request: ExportSnapshotRequest, send: SendSnapshotPart, signal: AbortSignal): Promise<void> {
    const { source, limits, runtime, snapshots, onHigherTerm } = this.#options;
    if (snapshots === undefined) {
      throw new QuorateError('NOT_IMPLEMENTED', 'this node gives no snapshots');
    }
    const closing = new AbortController();
    this.#sending.add(closing);
    try {
      const either = AbortSignal.any([signal, closing.signal]);
      const counted = this.#counted(send);
      await exportSnapshot(request, {
        source,
        snapshots,
        limits,
        runtime,
        onHigherTerm,
        send: counted,
        signal: either,
      });
    } finally {
      this.#sending.delete(closing);
    }
  }

  #counted(send: SendSnapshotPart): SendSnapshotPart {
    return (part) => {
      this.#snapshotBytes += part.$case === 'chunk' ? part.value.content.length : 0;
      return send(part);
    };
  }

  /**
   * What is on its way: replicas that receive a snapshot now, and those that take no records before they have read what was
   * sent; and the bytes of snapshots that were sent since the database was opened.
   */
  usage(): { readonly snapshots: number; readonly slowReplicas: number; readonly snapshotBytes: number } {
    const slowReplicas = [...this.#sessions].filter((session) => !session.isWritable).length;
    return { snapshots: this.#sending.size, slowReplicas, snapshotBytes: this.#snapshotBytes };
  }

  /** Replicas that had what was cut from the log may have something else in its place now. */
  #acknowledged(): Acknowledgements {
    const cutCount = this.#options.source.cutCount();
    if (cutCount !== this.#cutCount) {
      this.#cutCount = cutCount;
      this.#acknowledgements = new Acknowledgements();
    }
    return this.#acknowledgements;
  }

  /** Tells the database what its replicas have, after one of them has more. */
  #progress(session: ExportSession): void {
    const replica = session.status();
    if (replica !== undefined) {
      this.#acknowledged().note(replica);
      if (counts(replica, this.#options.source.ackMembers())) {
        this.#lead.confirmed(session);
      }
      this.#options.source.hold(replica.replicaId, replica.replicaName, replica.durableTxId);
      this.count();
    }
  }

  /** Tells the database what the replicas have that count by its present settings. */
  count(): void {
    const { source } = this.#options;
    const { durable, applied } = this.#acknowledged().of(source.ackMembers());
    source.acknowledge(durable, applied);
  }

  /** Until the next count nobody counts: what was counted for other members must not speak for those to come. */
  uncount(): void {
    this.#lead.clear();
    this.#options.source.acknowledge([], []);
  }

  /** Tells the replicas that this database follows somebody else than before. */
  pathChanged(): void {
    for (const session of this.#sessions) {
      session.sendPath();
    }
  }

  /** The replicas that follow now. */
  status(): AttachedReplica[] {
    return [...this.#sessions].flatMap((session) => session.status() ?? []);
  }

  /** Ends all sessions, telling the replicas why. */
  close(reason: QuorateError): void {
    for (const session of this.#sessions) {
      session.close(reason);
    }
    for (const sending of this.#sending) {
      sending.abort(reason);
    }
  }
}
