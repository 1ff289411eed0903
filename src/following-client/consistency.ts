import { QuorateError } from '../errors/interface.ts';
import type { Consistency } from './types.ts';

const names: ReadonlySet<unknown> = new Set(['any', 'session', 'linearizable']);

/** @throws QuorateError INVALID_ARGUMENT for what is no level */
export function checkConsistency(consistency: Consistency): void {
  const isNamed = names.has(consistency);
  const { maxLagMs, maxLagTransactions } = typeof consistency === 'object' ? consistency : {};
  if (!isNamed && maxLagMs === undefined && maxLagTransactions === undefined) {
    throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(consistency)} is no level of a read`, {
      hint: 'Use any, session, linearizable, or an object with maxLagMs or maxLagTransactions.',
    });
  }
}
