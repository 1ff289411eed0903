import { QuorateError } from '../errors/interface.ts';
import { RecordEncoder, type TransactionLog } from '../log/interface.ts';
import { ReplicaConnection, termStartOperations } from '../sqlite/interface.ts';
import { checkAgainstLog } from './recovery.ts';
import type { WriterServices } from './writer-role.ts';

export interface TermStart {
  readonly log: TransactionLog;
  readonly term: number;
  /** Replicas that must hold the record before anything from here on counts as committed. */
  readonly acks: number;
}

/**
 * Begins a term: a record that changes nothing goes to the end of the log, in front of everything else of the term.
 *
 * What an earlier primary left in the log may have been on enough nodes or not, and to count the nodes that have it now
 * would not help: a node without it may still win the next election by a record of a later term, and drop it (Raft, section
 * 5.4.2). So all of it counts as committed when this record does, whose term is the latest of all.
 * @throws QuorateError STALE_TERM when the log has a record of this term or a later one; DATABASE_CORRUPT, DISK_FULL, IO_ERROR
 */
export function startTerm(services: WriterServices, { log, term, acks }: TermStart): void {
  if (log.tip.term >= term) {
    throw new QuorateError('STALE_TERM', `the log has records of term ${log.tip.term}; term ${term} cannot begin`, {
      hint: 'Begin a later term.',
      details: { term, logTerm: log.tip.term },
    });
  }
  const { positions, hybridClock, start, onAppended } = services;
  const encoder = new RecordEncoder(log.tip);
  const txId = log.tip.txId + 1;
  const schemaHash = schemaHashAtEnd(services.file(), log);
  encoder.add({
    txId,
    term,
    ...hybridClock.next(),
    origin: start.origin,
    schemaHash,
    operations: termStartOperations(),
  });
  log.append(encoder.bytes, encoder.count, encoder.end);
  positions.set('term', term);
  positions.set('tip', txId);
  onAppended(encoder.bytes, acks > 0 ? { durable: { count: acks, txId }, applied: { count: 0, txId: 0 } } : undefined);
  log.sync();
  positions.set('durable', txId);
}

/** Of the last record; where the log has none, SQLite is at its end. */
function schemaHashAtEnd(file: string, log: TransactionLog): bigint {
  using connection = ReplicaConnection.open(file);
  checkAgainstLog(connection.readPosition(), log);
  for (const { schemaHash } of log.firstTxId > log.tip.txId ? [] : log.records(log.tip.txId)) {
    return schemaHash;
  }
  return connection.schemaHash;
}
