import { QuorateError } from '../errors/interface.ts';
import {
  asBuffer,
  chainDigest,
  detachedChainDigest,
  hashSizeBytes,
  recordSizeAt,
  recordTermAt,
  recordTxIdAt,
  viewOf,
} from './record.ts';
import type { LogPosition, RecordBatch, Term, TxId } from './types.ts';

/** Where following a chain ended: at the end of the bytes, or at the first record that does not fit. */
export type ChainResult =
  | { readonly kind: 'intact'; readonly end: LogPosition }
  | { readonly kind: 'malformed'; readonly offset: number; readonly reason: string }
  | { readonly kind: 'broken-chain'; readonly offset: number; readonly txId: TxId };

/**
 * Checks consecutive records against the position before them: sizes, numbers, terms and the hash chain.
 *
 * The hash of a record covers the hash of the one before, which lies directly in front of it in memory, so that only
 * the first record has to be joined with `after.hash`.
 */
export function followChain(records: Uint8Array, after: LogPosition): ChainResult {
  const bytes = asBuffer(records);
  const view = viewOf(bytes);
  let { txId, term }: { txId: TxId; term: Term } = after;
  let offset = 0;
  while (offset < bytes.length) {
    const sizeBytes = recordSizeAt(view, offset);
    const reason = objectionTo(view, offset, sizeBytes, txId, term);
    if (reason !== undefined) {
      return { kind: 'malformed', offset, reason };
    }
    txId += 1;
    const hashOffset = offset + sizeBytes - hashSizeBytes;
    const expected =
      offset === 0
        ? detachedChainDigest(after.hash, bytes.subarray(0, hashOffset))
        : chainDigest(bytes.subarray(offset - hashSizeBytes, hashOffset));
    if (bytes.toString('latin1', hashOffset, hashOffset + hashSizeBytes) !== expected) {
      return { kind: 'broken-chain', offset, txId };
    }
    term = recordTermAt(view, offset);
    offset += sizeBytes;
  }
  return { kind: 'intact', end: { txId, term, hash: lastHash(bytes, after) } };
}

function objectionTo(
  view: DataView,
  offset: number,
  sizeBytes: number,
  previousTxId: TxId,
  previousTerm: Term,
): string | undefined {
  if (sizeBytes === 0) {
    return 'it is incomplete or its sizes contradict each other';
  }
  const txId = recordTxIdAt(view, offset);
  if (txId !== previousTxId + 1) {
    return `it has txId ${txId} where ${previousTxId + 1} must follow`;
  }
  const term = recordTermAt(view, offset);
  if (term < previousTerm || !Number.isSafeInteger(term)) {
    return `its term ${term} follows on term ${previousTerm}`;
  }
  return undefined;
}

function lastHash(bytes: Buffer, after: LogPosition): Uint8Array {
  return bytes.length === 0 ? after.hash : Buffer.from(bytes.subarray(bytes.length - hashSizeBytes));
}

/**
 * Parses records that came from elsewhere and verifies that they continue the history at `after`. The batch refers to
 * `bytes`, without a copy.
 * @throws QuorateError DIVERGED when a correctly numbered record does not chain on this history
 * @throws QuorateError PROTOCOL_ERROR when the bytes are not whole, consecutive records
 */
export function verifyBatch(bytes: Uint8Array, after: LogPosition): RecordBatch {
  const result = bytes.length === 0 ? noRecords : followChain(bytes, after);
  if (result.kind === 'malformed') {
    throw new QuorateError('PROTOCOL_ERROR', `log record at byte ${result.offset} refused: ${result.reason}`, {
      hint: 'Nothing was applied. Fetch the records again from the position that this node reports.',
    });
  }
  if (result.kind === 'broken-chain') {
    throw new QuorateError('DIVERGED', `transaction ${result.txId} does not continue the history of this log`, {
      hint: 'The two nodes hold different transactions. Compare their positions and make the replica anew.',
      details: { txId: result.txId, localTxId: after.txId, localTerm: after.term },
    });
  }
  return { bytes, firstTxId: after.txId + 1, lastTxId: result.end.txId, end: result.end };
}

const noRecords: ChainResult = { kind: 'malformed', offset: 0, reason: 'there are no records' };
