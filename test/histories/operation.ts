/** What a key holds or a list contains. `null` is "nothing there", and in an invocation "not known yet". */
export type Value = number | string | null;
export type Key = number | string;

/** One step of a list-append transaction: the list of a read is `null` until it is known. */
export type Step = readonly ['append', Key, number | string] | readonly ['r', Key, readonly Value[] | null];

/** What a client asks for; in a completion with what it was answered. */
export type Call =
  | { readonly f: 'read' | 'write'; readonly key: Key; readonly value: Value }
  | { readonly f: 'cas'; readonly key: Key; readonly expected: Value; readonly replacement: Value }
  | { readonly f: 'txn'; readonly steps: readonly Step[] };

/** `info` is an unknown outcome: it took effect, will, or never does. */
export type Outcome = 'ok' | 'fail' | 'info';

export type ReadLevel = 'any' | 'bounded' | 'session' | 'linearizable';

/** A place in the log, as tokens and answers name it. */
export interface Position {
  readonly term: number;
  readonly txId: number;
}

/** What is known of a call beside its value. An answer adds to what the invocation said. */
export interface Attributes {
  readonly node?: string;
  /** Calls of one session see what its earlier calls wrote and saw, whatever process makes them. The default is the process. */
  readonly session?: string;
  readonly ackLevel?: string;
  readonly readLevel?: ReadLevel;
  /** The token that was sent: the answer must show at least this. */
  readonly after?: Position;
  /** Of a write its transaction, of a read what it shows. */
  readonly position?: Position;
  /** How old, in milliseconds, what a read shows may be. */
  readonly maxAgeMs?: number;
  /** How many transactions a read may be behind. */
  readonly maxLag?: number;
  readonly error?: string;
}

/** One line of a history. */
export interface HistoryEvent extends Attributes {
  /** Place in the history, from 0. Order is told by it, not by time. */
  readonly index: number;
  /** Monotonic nanoseconds since the history began. */
  readonly timeNs: number;
  readonly process: number;
  readonly type: 'invoke' | Outcome;
  readonly call: Call;
}

/** An invocation with its completion. */
export interface Operation extends Attributes {
  readonly process: number;
  readonly type: Outcome;
  readonly call: Call;
  /** Index of the event. */
  readonly invokedAt: number;
  /** Index of the event; infinite when the outcome is unknown, since the effect may still come. */
  readonly completedAt: number;
  readonly invokeTimeNs: number;
  readonly completeTimeNs: number;
}

/** A rule that a history breaks, told for a person. */
export interface Violation {
  /** A short name: `G1a`, `stale read`. */
  readonly rule: string;
  readonly message: string;
}

export type OperationOf<F extends Call['f']> = Operation & { readonly call: Extract<Call, { f: F }> };

export function isTransaction(operation: Operation): operation is OperationOf<'txn'> {
  return operation.call.f === 'txn';
}

/**
 * Pairs invocations with completions, in the order of invocation. A call that has no completion, or one of unknown outcome,
 * never completes. Throws an Error where a process does two things at once or completes what it did not begin.
 */
export function operationsOf(events: readonly HistoryEvent[]): Operation[] {
  const open = new Map<number, HistoryEvent>();
  const operations: Operation[] = [];
  for (const event of events) {
    const invoked = open.get(event.process);
    if (event.type === 'invoke') {
      if (invoked !== undefined) {
        throw new Error(`process ${event.process} begins ${event.index} while ${invoked.index} is under way`);
      }
      open.set(event.process, event);
    } else if (invoked === undefined) {
      throw new Error(`process ${event.process} completes what it has not begun, at ${event.index}`);
    } else {
      open.delete(event.process);
      operations.push(paired(invoked, event));
    }
  }
  for (const invoked of open.values()) {
    operations.push(paired(invoked, { ...invoked, type: 'info' }));
  }
  return operations.sort((a, b) => a.invokedAt - b.invokedAt);
}

function paired(invoked: HistoryEvent, completed: HistoryEvent): Operation {
  const { index: invokedAt, timeNs: invokeTimeNs } = invoked;
  const { index, timeNs, type, ...rest } = completed;
  const isKnown = type !== 'info';
  return {
    ...invoked,
    ...rest,
    type: type as Outcome,
    // Only an answer tells what was read.
    call: type === 'ok' ? completed.call : invoked.call,
    invokedAt,
    invokeTimeNs,
    completedAt: isKnown ? index : Number.POSITIVE_INFINITY,
    completeTimeNs: isKnown ? timeNs : Number.POSITIVE_INFINITY,
  };
}

/** An operation in one line, for messages: its number is the index of its invocation. */
export function describe(operation: Operation): string {
  const { invokedAt, process, type, node } = operation;
  return `#${invokedAt} (process ${process}${node === undefined ? '' : `, ${node}`}, ${type}) ${describeCall(operation.call)}`;
}

function describeCall(call: Call): string {
  switch (call.f) {
    case 'txn':
      return call.steps
        .map(([f, key, value]) => (f === 'append' ? `append ${value} to ${key}` : `read ${key} ${list(value)}`))
        .join(', ');
    case 'cas':
      return `cas ${call.key} from ${call.expected} to ${call.replacement}`;
    default:
      return `${call.f} ${call.key} ${call.value}`;
  }
}

function list(value: readonly Value[] | null): string {
  if (value === null) {
    return 'unknown';
  }
  const shown = value.length > 12 ? ['…', ...value.slice(-12)] : value;
  return `[${shown.join(' ')}]`;
}
