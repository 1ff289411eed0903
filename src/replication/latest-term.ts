import type { ReplicationSink } from '../database/interface.ts';
import type { Term } from '../log/interface.ts';

/** The highest term that a replica has promised or has a record of: it follows nobody who is at a lower one. */
export function latestTermOf(sink: Pick<ReplicationSink, 'promisedTerm' | 'positions'>): Term {
  return Math.max(sink.promisedTerm(), sink.positions().term);
}
