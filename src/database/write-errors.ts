import { asQuorateError, QuorateError } from '../errors/interface.ts';

/** Too few replicas hold a transaction that is in the log. */
export function notAcknowledged(txId: number, limitMs: number): QuorateError {
  return new QuorateError('COMMIT_IN_DOUBT', `too few replicas acknowledged transaction ${txId} within ${limitMs} ms`, {
    hint: 'It is in the log and commits when enough replicas are back. Ask for its outcome by its id, or see the status.',
    details: { txId, limitMs },
  });
}

/** Too few replicas show a transaction that is committed. */
export function notShown(txId: number, limitMs: number): QuorateError {
  return new QuorateError(
    'COMMIT_IN_DOUBT',
    `transaction ${txId} is committed, but too few replicas showed it within ${limitMs} ms`,
    {
      hint: 'Nothing is lost. Read from the primary, or wait for the position on a replica.',
      details: { txId, limitMs, committed: true },
    },
  );
}

/** What is on disk of a transaction is not known. */
export function inDoubt(txId: number, cause: unknown): QuorateError {
  const reason = asQuorateError(cause);
  return new QuorateError('COMMIT_IN_DOUBT', `the outcome of the transaction is not known: ${reason.message}`, {
    cause,
    hint: 'Load the database again, or restart the node, and read the data: recovery decides from the log.',
    details: { txId },
  });
}

/** The lease ended between the log and the answer. */
export function leaseEnded(txId: number): QuorateError {
  return new QuorateError(
    'COMMIT_IN_DOUBT',
    `the lease of this primary ended while transaction ${txId} was committed`,
    {
      hint: 'The next primary decides whether it stays. Ask for its outcome by its id there.',
      details: { txId },
    },
  );
}

/** A write has waited for too long, behind others that too few replicas acknowledge or while writes are paused. */
export function notBegun(limitMs: number, isShort: boolean): QuorateError {
  const why = isShort ? 'too few replicas acknowledge' : 'writes are paused for a change of the primary';
  return new QuorateError('QUORUM_UNAVAILABLE', `${why}; the write waited ${limitMs} ms and was not begun`, {
    hint: isShort
      ? 'See the status for the replicas. Start them, or lower the level with database update.'
      : 'Send it again in a moment.',
    details: { limitMs },
  });
}
