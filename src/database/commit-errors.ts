import { asQuorateError, QuorateError } from '../errors/interface.ts';

/** Acknowledgements did not come in time. */
export function notAcknowledged(txId: number, limitMs: number): QuorateError {
  return new QuorateError('COMMIT_IN_DOUBT', `too few replicas acknowledged transaction ${txId} within ${limitMs} ms`, {
    hint: 'It is in the log and commits when enough replicas are back. Ask for its outcome by its id, or see the status.',
    details: { txId, limitMs },
  });
}

/** Replicas did not show in time what is committed. */
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

export function inDoubt(txId: number, cause: unknown): QuorateError {
  const reason = asQuorateError(cause);
  return new QuorateError('COMMIT_IN_DOUBT', `the outcome of the transaction is not known: ${reason.message}`, {
    cause,
    hint: 'Load the database again, or restart the node, and read the data: recovery decides from the log.',
    details: { txId },
  });
}
