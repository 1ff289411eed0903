import type { ReplicationSource, SnapshotHeader, SnapshotLease, SnapshotSource } from '../database/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import type { ExportSnapshotRequest, ExportSnapshotResponse } from '../proto/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import { checkVersion } from './export-session.ts';
import type { ReplicationLimits } from './limits.ts';

/** Version of what a snapshot file is. */
export const snapshotFormat = 1;

/** Milliseconds of sending after which the rate limit is looked at again. */
const paceMs = 50;

export interface SnapshotExportOptions {
  readonly source: ReplicationSource;
  readonly snapshots: SnapshotSource;
  readonly limits: ReplicationLimits;
  readonly runtime: Runtime;
  /** Sends a message; resolves when the receiver takes more. */
  readonly send: (message: NonNullable<ExportSnapshotResponse['message']>) => Promise<void>;
  /** Ends the sending. */
  readonly signal: AbortSignal;
}

/**
 * Sends a snapshot to one replica, from where it asks on. The log after the snapshot is kept for that replica from now on.
 * @throws QuorateError WRONG_DATABASE, PROTOCOL_VERSION, OVERLOADED, DISK_FULL, CANCELLED
 */
export async function exportSnapshot(request: ExportSnapshotRequest, options: SnapshotExportOptions): Promise<void> {
  const { source, snapshots, send } = options;
  checkRequest(request, source);
  using lease = await snapshots.acquire(request.snapshotId);
  const { header } = lease;
  source.hold(request.replicaId, request.replicaName, header.position.txId);
  const goesOn = header.snapshotId === request.snapshotId && request.offset <= header.sizeBytes;
  const offset = goesOn ? request.offset : 0;
  const sha256 = lease.sha256();
  // Whoever breaks off does not wait for it.
  sha256.catch(() => {});
  await send({ $case: 'header', value: headerMessage(header, offset) });
  await sendContent(lease, offset, options);
  await send({ $case: 'end', value: { sha256: Buffer.from(await sha256) } });
}

function checkRequest(
  { protocolMin, protocolMax, databaseId }: ExportSnapshotRequest,
  source: ReplicationSource,
): void {
  checkVersion(protocolMin, protocolMax);
  const own = source.databaseId;
  if (own === undefined) {
    throw new QuorateError('UNAVAILABLE', 'this upstream is itself a replica that has not met its upstream yet');
  }
  if (databaseId.length > 0 && Buffer.compare(databaseId, own) !== 0) {
    throw new QuorateError('WRONG_DATABASE', 'the replica was made from another database than this one', {
      hint: 'Delete the replica and create it again, or point it at the right upstream.',
    });
  }
}

function headerMessage({ snapshotId, sizeBytes, databaseId, position }: SnapshotHeader, offset: number) {
  const { txId, term, hash } = position;
  return {
    snapshotId,
    sizeBytes,
    databaseId: Buffer.from(databaseId),
    position: { txId, term, hash: Buffer.from(hash) },
    format: snapshotFormat,
    offset,
  };
}

async function sendContent(lease: SnapshotLease, from: number, options: SnapshotExportOptions): Promise<void> {
  const { limits, runtime, send, signal } = options;
  const beganMs = runtime.clock.monotonicMs();
  for (let offset = from; offset < lease.header.sizeBytes; ) {
    if (signal.aborted) {
      throw new QuorateError('CANCELLED', 'the sending of the snapshot was ended', { cause: signal.reason });
    }
    const content = Buffer.allocUnsafeSlow(Math.min(limits.snapshotChunkBytes, lease.header.sizeBytes - offset));
    const count = await lease.read(content, offset);
    if (count === 0) {
      throw new QuorateError('IO_ERROR', 'the snapshot file is shorter than it was');
    }
    await send({ $case: 'chunk', value: { offset, content: content.subarray(0, count) } });
    offset += count;
    await keepRate(offset - from, beganMs, options);
  }
}

/** Waits until the bytes sent are no more than the rate limit allows. */
async function keepRate(sentBytes: number, beganMs: number, options: SnapshotExportOptions): Promise<void> {
  const { limits, runtime, signal } = options;
  if (limits.snapshotRateBytes > 0) {
    const dueMs = (sentBytes / limits.snapshotRateBytes) * 1000;
    const aheadMs = dueMs - (runtime.clock.monotonicMs() - beganMs);
    if (aheadMs > paceMs) {
      await runtime.timers.sleep(aheadMs, signal);
    }
  }
}
