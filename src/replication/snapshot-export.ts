import type { ReplicationSource, SnapshotHeader, SnapshotLease, SnapshotSource } from '../database/interface.ts';
import { QuorateError } from '../errors/interface.ts';
import type { ExportSnapshotRequest, ExportSnapshotResponse } from '../proto/interface.ts';
import type { Runtime } from '../runtime/interface.ts';
import { checkPromised, checkVersion } from './export-session.ts';
import type { ReplicationLimits } from './limits.ts';
import { SnapshotPace } from './snapshot-pace.ts';

/** Version of what a snapshot file is. */
export const snapshotFormat = 1;

/** Milliseconds of sending after which the rate limit is looked at again. */
const paceMs = 50;

export interface SnapshotExportOptions {
  readonly source: ReplicationSource;
  readonly snapshots: SnapshotSource;
  readonly limits: ReplicationLimits;
  readonly runtime: Runtime;
  /** See ExporterOptions. */
  readonly onHigherTerm?: ((term: number) => void) | undefined;
  /** Sends a message; resolves when its bytes are not needed any more and the receiver takes more. */
  readonly send: (message: NonNullable<ExportSnapshotResponse['message']>) => Promise<void>;
  /** Ends the sending. */
  readonly signal: AbortSignal;
}

/**
 * Sends a snapshot to one replica, from where it asks on. The log after the snapshot is kept for that replica from now on.
 * @throws QuorateError WRONG_DATABASE, PROTOCOL_VERSION, STALE_TERM, OVERLOADED, DISK_FULL, CANCELLED
 */
export async function exportSnapshot(request: ExportSnapshotRequest, options: SnapshotExportOptions): Promise<void> {
  const { source, snapshots, send } = options;
  checkRequest(request, source);
  checkPromised(request, options);
  using lease = await snapshots.acquire(request.snapshotId);
  const { header } = lease;
  source.hold(request.replicaId, request.replicaName, header.position.txId);
  const goesOn = header.snapshotId === request.snapshotId && request.offset <= header.sizeBytes;
  const offset = goesOn ? request.offset : 0;
  await send({ $case: 'header', value: headerMessage(header, offset) });
  await sendContent(lease, offset, options);
  await send({ $case: 'end', value: { sha256: Buffer.from(await lease.sha256()) } });
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

/**
 * The next piece is read while one is sent, and two pieces of memory take turns: a new one for each costs more in garbage
 * collection than reading and sending it.
 */
async function sendContent(lease: SnapshotLease, from: number, options: SnapshotExportOptions): Promise<void> {
  const { source, limits, runtime, send, signal } = options;
  const beganMs = runtime.clock.monotonicMs();
  const pace = new SnapshotPace({
    runtime,
    committed: () => source.positions().commit,
    tolerated: limits.snapshotWriteLossPercent / 100,
    signal,
  });
  const { sizeBytes } = lease.header;
  let free = Buffer.allocUnsafeSlow(Math.min(limits.snapshotChunkBytes, sizeBytes));
  let next = readPiece(lease, from, Buffer.allocUnsafeSlow(free.length));
  for (let offset = from; offset < sizeBytes; ) {
    const content = await next;
    if (signal.aborted) {
      throw new QuorateError('CANCELLED', 'the sending of the snapshot was ended', { cause: signal.reason });
    }
    next = readPiece(lease, offset + content.length, free);
    await send({ $case: 'chunk', value: { offset, content } });
    free = Buffer.from(content.buffer);
    offset += content.length;
    await keepRate(offset - from, beganMs, options);
    await pace.step();
  }
}

/** Fills `memory` from `offset` on; returns what was read, nothing at the end. @throws QuorateError IO_ERROR */
function readPiece(lease: SnapshotLease, offset: number, memory: Buffer<ArrayBuffer>): Promise<Buffer<ArrayBuffer>> {
  const sizeBytes = Math.min(memory.length, lease.header.sizeBytes - offset);
  const read = async () => {
    const content = memory.subarray(0, sizeBytes);
    const count = sizeBytes === 0 ? 0 : await lease.read(content, offset);
    if (count === 0 && sizeBytes > 0) {
      throw new QuorateError('IO_ERROR', 'the snapshot file is shorter than it was');
    }
    return content.subarray(0, count);
  };
  const piece = read();
  // Whoever breaks off does not wait for it.
  piece.catch(() => {});
  return piece;
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
