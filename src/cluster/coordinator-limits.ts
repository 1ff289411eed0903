import { QuorateError } from '../errors/interface.ts';
import {
  type CoordinatorChange,
  type CoordinatorCondition,
  type CoordinatorEntry,
  maxCoordinatorEntries,
  maxCoordinatorValueBytes,
} from './coordinator.ts';

/** Bytes of one key. */
export const maxCoordinatorKeyBytes = 1024;
/** Conditions of one commit, and its changes. */
export const maxCommitParts = 100;
/** Bytes of the keys and values of one commit: etcd takes 1.5 MiB in a request. */
export const maxCommitBytes = 1024 * 1024;
/** Bytes of the values that are read at once. */
export const maxViewBytes = 16 * 1024 * 1024;
/** Calls of one coordinator that are under way; one more is refused with OVERLOADED. */
export const maxPendingCalls = 200;
/** Watches of one coordinator; one more is refused with OVERLOADED. */
export const maxCoordinatorWatches = 100;
/** Milliseconds of a lease. */
export const minLeaseTtlMs = 100;
export const maxLeaseTtlMs = 24 * 60 * 60 * 1000;

/** @throws QuorateError INVALID_ARGUMENT, MESSAGE_TOO_LARGE */
export function checkKey(key: string): void {
  const sizeBytes = Buffer.byteLength(key);
  if (sizeBytes === 0 || key.includes('\0') || !key.isWellFormed()) {
    throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(key)} is no key of a coordinator`, {
      hint: 'A key is a text without NUL characters that is not empty.',
    });
  }
  requireAtMost(sizeBytes, maxCoordinatorKeyBytes, 'bytes in a key of the coordinator');
}

/** @throws QuorateError INVALID_ARGUMENT, MESSAGE_TOO_LARGE */
export function checkCommit(conditions: readonly CoordinatorCondition[], changes: readonly CoordinatorChange[]): void {
  requireAtMost(conditions.length, maxCommitParts, 'conditions in a commit');
  requireAtMost(changes.length, maxCommitParts, 'changes in a commit');
  for (const { key } of [...conditions, ...changes]) {
    checkKey(key);
  }
  if (new Set(changes.map(({ key }) => key)).size < changes.length) {
    throw new QuorateError('INVALID_ARGUMENT', 'a commit changes the same key twice');
  }
  let totalBytes = 0;
  for (const { key, value = '' } of changes) {
    const sizeBytes = Buffer.byteLength(value);
    requireAtMost(sizeBytes, maxCoordinatorValueBytes, 'bytes in a value of the coordinator');
    totalBytes += Buffer.byteLength(key) + sizeBytes;
  }
  requireAtMost(totalBytes, maxCommitBytes, 'bytes in a commit');
}

/** @throws QuorateError INVALID_ARGUMENT */
export function checkLeaseTtl(ttlMs: number): void {
  if (!(ttlMs >= minLeaseTtlMs && ttlMs <= maxLeaseTtlMs)) {
    throw new QuorateError('INVALID_ARGUMENT', `a lease cannot last ${ttlMs} ms`, {
      hint: `Give from ${minLeaseTtlMs} to ${maxLeaseTtlMs} ms.`,
    });
  }
}

/** @throws QuorateError RESULT_TOO_LARGE when there is more under a prefix than is read at once */
export function checkView(prefix: string, entries: readonly CoordinatorEntry[]): void {
  const sizeBytes = entries.reduce((sum, { value }) => sum + Buffer.byteLength(value), 0);
  if (entries.length > maxCoordinatorEntries || sizeBytes > maxViewBytes) {
    throw viewTooLarge(prefix);
  }
}

export function viewTooLarge(prefix: string): QuorateError {
  return new QuorateError('RESULT_TOO_LARGE', `there is too much under ${JSON.stringify(prefix)} in the coordinator`, {
    hint: `At most ${maxCoordinatorEntries} entries and ${maxViewBytes} bytes are read at once.`,
    details: { maxEntries: maxCoordinatorEntries, maxBytes: maxViewBytes },
  });
}

export function leaseLost(id: string): QuorateError {
  return new QuorateError('LEASE_LOST', `lease ${id} has ended`, { details: { leaseId: id } });
}

function requireAtMost(amount: number, limit: number, what: string): void {
  if (amount > limit) {
    throw new QuorateError('MESSAGE_TOO_LARGE', `${amount} ${what} are more than the limit of ${limit}`, {
      details: { limit },
    });
  }
}

/** Counts the calls of a coordinator that are under way, and refuses more of them than may be. */
export class PendingCalls {
  #count = 0;
  #closed = false;

  /** @throws QuorateError OVERLOADED, CANCELLED after `close`, and what the call throws */
  async run<Result>(call: () => Promise<Result>): Promise<Result> {
    if (this.#closed) {
      throw new QuorateError('CANCELLED', 'the coordinator is closed');
    }
    if (this.#count >= maxPendingCalls) {
      throw new QuorateError('OVERLOADED', `${maxPendingCalls} calls of the coordinator are under way`, {
        details: { limit: maxPendingCalls },
      });
    }
    this.#count += 1;
    try {
      return await call();
    } finally {
      this.#count -= 1;
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
  }
}
