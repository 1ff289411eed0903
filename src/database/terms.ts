import { QuorateError } from '../errors/interface.ts';
import type { LogPosition, Term, TransactionLog } from '../log/interface.ts';
import type { SharedPositions } from './shared-positions.ts';
import type { MemberPosition } from './types.ts';

/** What a writer says when it promises a term. */
export type WriterPosition = Omit<MemberPosition, 'promisedTerm' | 'databaseId'>;

/** The end of a log that does not exist. */
const nowhere: LogPosition = { txId: 0, term: 0, hash: new Uint8Array(32) };

/** Puts a promise in force on the writer's thread. @throws QuorateError STALE_TERM when the log has records of a later term */
export function promiseTerm(positions: SharedPositions, log: TransactionLog | undefined, term: Term): WriterPosition {
  const durable = log?.durable ?? nowhere;
  if (durable.term > term) {
    throw staleTerm(term, durable.term);
  }
  positions.set('promised', Math.max(positions.get('promised'), term));
  return { durable, committedTxId: positions.get('commit'), appliedTxId: positions.get('applied') };
}

/** Something of `term` came to a database that has promised, or has seen, a later one. */
export function staleTerm(term: Term, laterTerm: Term): QuorateError {
  return new QuorateError(
    'STALE_TERM',
    `term ${term} is over: this database has promised or has seen term ${laterTerm}`,
    {
      hint: 'Another node is primary, or is about to be. See the status of the others.',
      details: { term, laterTerm },
    },
  );
}
