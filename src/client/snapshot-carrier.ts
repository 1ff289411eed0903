import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import { QuorateError } from '../errors/interface.ts';
import type {
  ExportSnapshotRequest,
  ExportSnapshotResponse,
  ReplicateSnapshotRequest,
  ReplicateSnapshotResponse,
} from '../proto/interface.ts';
import { errorFromGrpc, ProgressMeter, type SnapshotProgress } from '../replication/interface.ts';
import type { Clock } from '../runtime/interface.ts';
import { writeMessage } from './call.ts';
import type { NodeClient } from './node-client.ts';

type ReplicaStream = ClientDuplexStream<ReplicateSnapshotRequest, ReplicateSnapshotResponse>;

export interface SnapshotCarrierOptions {
  readonly from: { readonly client: NodeClient; readonly database: string };
  readonly to: { readonly client: NodeClient; readonly database: string };
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: SnapshotProgress) => void;
  /** Everything was carried; the replica checks and installs it. */
  readonly onInstalling: () => void;
}

/**
 * Carries a snapshot from an upstream to a replica that runs no replicator, from where an earlier attempt stopped. Resolves
 * when the replica has installed it.
 * @throws QuorateError CANCELLED, and whatever either side says
 */
export async function carrySnapshot(options: SnapshotCarrierOptions): Promise<void> {
  const { to, signal } = options;
  const replica = to.client.openReplicateSnapshot();
  const closing = new AbortController();
  const over = AbortSignal.any([signal, closing.signal]);
  over.addEventListener('abort', () => replica.cancel(), { once: true });
  try {
    const request = new Promise<ExportSnapshotRequest>((resolve) => {
      replica.on('data', (response: ReplicateSnapshotResponse) => response.replica && resolve(response.replica));
    });
    const ended = endOf(replica);
    replica.write({ message: { $case: 'start', value: { database: to.database } } });
    const carried = request.then((wanted) => carry(wanted, replica, { ...options, signal: over }));
    // The replica may end at any time; what it says counts, also when the upstream's side breaks because of that.
    await Promise.race([ended, carried.then(() => ended)]);
  } finally {
    closing.abort();
  }
}

function endOf(replica: ReplicaStream): Promise<void> {
  const ended = new Promise<void>((resolve, reject) => {
    replica.on('end', resolve);
    replica.on('error', (error: ServiceError) => reject(errorFromGrpc(error)));
  });
  // Whoever is told of another failure first does not wait for this one.
  ended.catch(() => {});
  return ended;
}

async function carry(
  request: ExportSnapshotRequest,
  replica: ReplicaStream,
  { from, clock, signal, onProgress, onInstalling }: SnapshotCarrierOptions,
): Promise<void> {
  const upstream = from.client.openExportSnapshot({ ...request, database: from.database });
  const cancel = () => upstream.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  let meter: ProgressMeter | undefined;
  try {
    for await (const response of upstream as AsyncIterable<ExportSnapshotResponse>) {
      const { message } = response;
      if (message?.$case === 'header') {
        meter = new ProgressMeter(clock, message.value.sizeBytes, message.value.offset);
      } else if (message?.$case === 'chunk' && meter !== undefined) {
        meter.received(message.value.offset + message.value.content.length);
        onProgress(meter.progress);
      }
      await writeMessage(replica, { message: { $case: 'upstream', value: response } });
      if (signal.aborted) {
        throw new QuorateError('CANCELLED', 'the snapshot is not carried any further');
      }
    }
  } catch (error) {
    throw error instanceof QuorateError ? error : errorFromGrpc(error as ServiceError);
  } finally {
    signal.removeEventListener('abort', cancel);
    cancel();
  }
  onInstalling();
  replica.end();
}
