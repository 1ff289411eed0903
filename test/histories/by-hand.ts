import type { Attributes, Call, Key, Operation, Outcome, Step, Value } from './operation.ts';

interface Written extends Attributes {
  readonly process?: number;
  readonly type?: Outcome;
}

/** An operation from one moment to another, both in milliseconds and in places of the history. */
export function operation(invokedAt: number, completedAt: number, call: Call, more: Written = {}): Operation {
  const { process = 0, type = 'ok', ...attributes } = more;
  const end = type === 'info' ? Number.POSITIVE_INFINITY : completedAt;
  return {
    ...attributes,
    process,
    type,
    call,
    invokedAt,
    completedAt: end,
    invokeTimeNs: invokedAt * 1e6,
    completeTimeNs: end * 1e6,
  };
}

export function read(value: Value, key: Key = 'x'): Call {
  return { f: 'read', key, value };
}

export function write(value: Value, key: Key = 'x'): Call {
  return { f: 'write', key, value };
}

export function cas(expected: Value, replacement: Value, key: Key = 'x'): Call {
  return { f: 'cas', key, expected, replacement };
}

export function txn(...steps: readonly Step[]): Call {
  return { f: 'txn', steps };
}

/** Transactions at the same time, each by a process of its own, so that only data orders them. */
export function concurrent(...calls: readonly (Call | readonly [Call, Written])[]): Operation[] {
  return calls.map((entry, i) => {
    const [call, more] = 'f' in entry ? [entry, {}] : entry;
    return operation(i, 100 + i, call, { process: i, ...more });
  });
}
