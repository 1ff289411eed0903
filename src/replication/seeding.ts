import type { ReplicationSink, SnapshotHeader, SnapshotInbox } from '../database/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import { databaseIdBytes } from '../log/interface.ts';
import {
  type ExportSnapshotRequest,
  type ExportSnapshotResponse,
  type SnapshotHeader as HeaderMessage,
  releaseChunk,
  type SnapshotChunk,
  type SnapshotEnd,
} from '../proto/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import type { LagMeter } from './lag-meter.ts';
import { latestTermOf } from './latest-term.ts';
import { protocolVersions } from './limits.ts';
import type { ReplicaIdentity } from './replica-session.ts';
import { snapshotFormat } from './snapshot-export.ts';
import { ProgressMeter } from './snapshot-progress.ts';
import type { SnapshotProgress } from './types.ts';

/** How often the progress is logged, in milliseconds. */
const logIntervalMs = 10_000;

export interface SeedingOptions {
  readonly inbox: SnapshotInbox;
  /** Name of the database on the upstream. */
  readonly database: string;
  /** Asks an upstream for the snapshot. */
  readonly open: (request: ExportSnapshotRequest) => AsyncIterable<ExportSnapshotResponse>;
  readonly identity: ReplicaIdentity;
  readonly sink: Pick<ReplicationSink, 'databaseId' | 'promisedTerm' | 'positions'>;
  readonly runtime: Runtime;
  readonly lag: LagMeter;
  /** Everything is received and is being checked and installed. */
  readonly onInstalling: () => void;
}

/** Copies one snapshot from an upstream, going on where an earlier attempt stopped, and installs it. */
export class Seeding {
  readonly #options: SeedingOptions;
  #meter: ProgressMeter | undefined;
  #txId = 0;
  #nextLogMs = 0;
  /** What the upstream was told. */
  #promisedTerm = 0;

  constructor(options: SeedingOptions) {
    this.#options = options;
  }

  get progress(): SnapshotProgress | undefined {
    return this.#meter?.progress;
  }

  /** @throws QuorateError UNAVAILABLE, DISK_FULL, DIVERGED, DATABASE_CORRUPT …; what was received stays */
  async run(): Promise<void> {
    const { inbox, open } = this.#options;
    try {
      for await (const { message } of open(this.#request())) {
        if (message?.$case === 'header') {
          await this.#begin(message.value);
        } else if (message?.$case === 'chunk') {
          await this.#receive(message.value);
        } else if (message?.$case === 'end') {
          return await this.#install(message.value);
        }
      }
      throw new QuorateError('UNAVAILABLE', 'the upstream ended the snapshot before it was complete');
    } finally {
      await inbox.pause();
    }
  }

  #request() {
    const { inbox, database, identity, sink } = this.#options;
    const { snapshotId, bytes } = inbox.received();
    this.#promisedTerm = latestTermOf(sink);
    return {
      protocolMin: protocolVersions.min,
      protocolMax: protocolVersions.max,
      database,
      databaseId: Buffer.from(sink.databaseId ?? []),
      ...identity,
      snapshotId,
      offset: bytes,
      promisedTerm: this.#promisedTerm,
    };
  }

  async #begin(message: HeaderMessage): Promise<void> {
    const { inbox, runtime, identity } = this.#options;
    if (message.format !== snapshotFormat) {
      throw new QuorateError('PROTOCOL_VERSION', `the upstream sends snapshots of format ${message.format}`, {
        hint: 'Upgrade the older of the two nodes.',
      });
    }
    await inbox.begin(headerOf(message), message.offset, this.#promisedTerm);
    this.#meter = new ProgressMeter(runtime.clock, message.sizeBytes, message.offset);
    this.#txId = message.position?.txId ?? 0;
    this.#measure(message.sizeBytes - message.offset);
    this.#nextLogMs = runtime.clock.monotonicMs() + logIntervalMs;
    const { snapshotId, sizeBytes, offset } = message;
    runtime.logger.info({ replica: identity.replicaName, snapshotId, sizeBytes, offset }, 'copying a snapshot');
  }

  async #receive(chunk: SnapshotChunk): Promise<void> {
    const { offset, content } = chunk;
    const receivedBytes = offset + content.length;
    const { inbox, runtime, identity } = this.#options;
    await inbox.write(offset, content);
    releaseChunk(chunk);
    this.#meter?.received(receivedBytes);
    this.#measure((this.progress?.sizeBytes ?? receivedBytes) - receivedBytes);
    if (runtime.clock.monotonicMs() >= this.#nextLogMs) {
      this.#nextLogMs += logIntervalMs;
      runtime.logger.info({ replica: identity.replicaName, ...this.progress }, 'copying a snapshot');
    }
  }

  /** Until the stream goes on, all that is known of the upstream is that it has what the snapshot has. */
  #measure(unsentBytes: number): void {
    this.#options.lag.heard({ tipTxId: this.#txId, commitTxId: this.#txId, unsentBytes, counts: false });
  }

  async #install({ sha256 }: SnapshotEnd): Promise<void> {
    this.#options.onInstalling();
    await this.#options.inbox.install(sha256);
  }
}

function headerOf({ snapshotId, sizeBytes, databaseId, position }: HeaderMessage): SnapshotHeader {
  const isIdentified = /^[0-9a-f]{16}$/.test(snapshotId) && databaseId.length === databaseIdBytes;
  if (position === undefined || !isIdentified) {
    throw new QuorateError('PROTOCOL_ERROR', 'the header of a snapshot names its id, its database and its position');
  }
  return { snapshotId, sizeBytes, databaseId, position };
}
