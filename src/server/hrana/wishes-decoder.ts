import { ackLevelOf } from '../node/ack-settings.ts';
import type { ReadConsistency } from '../node/read-consistency.ts';
import { countOf, isAbsent, type JsonObject, malformed, objectOf, textOf } from './json-fields.ts';
import type { WireWishes } from './wire-types.ts';

/** The field `quorate`. @throws QuorateError PROTOCOL_ERROR, INVALID_ARGUMENT */
export function wishesOf(json: unknown): WireWishes | undefined {
  if (isAbsent(json)) {
    return undefined;
  }
  const { key, acks, consistency, wait_ms: waitMs } = objectOf(json, 'quorate');
  return {
    key: isAbsent(key) ? undefined : textOf(key, 'key'),
    acks: isAbsent(acks) ? undefined : acksOf(objectOf(acks, 'acks')),
    consistency: isAbsent(consistency) ? undefined : consistencyOf(objectOf(consistency, 'consistency')),
    waitMs: optionalCount(waitMs, 'wait_ms'),
  };
}

function acksOf({ level, acks }: JsonObject): WireWishes['acks'] {
  return ackLevelOf({ level: textOf(level, 'level'), acks: optionalCount(acks, 'acks') ?? 0 });
}

function consistencyOf(consistency: JsonObject): ReadConsistency {
  switch (consistency.level) {
    case 'linearizable':
      return { level: 'linearizable' };
    case 'bounded':
      return {
        level: 'bounded',
        maxLagMs: optionalCount(consistency.max_lag_ms, 'max_lag_ms'),
        maxLagTransactions: optionalCount(consistency.max_lag_transactions, 'max_lag_transactions'),
      };
    default:
      return malformed(`${JSON.stringify(consistency.level)} is no level of a read`);
  }
}

function optionalCount(value: unknown, what: string): number | undefined {
  return isAbsent(value) ? undefined : countOf(value, what);
}
