/**
 * What a session is promised, and how stale a read may be. Both are judged by the positions of answers, and by content where
 * transactions append to lists.
 */
import { describe, type Operation, type Position, type Value, type Violation } from './operation.ts';

const nanosPerMs = 1e6;

export interface SessionOptions {
  /** Transactions that were committed, lost and saved: nobody is bound to show them. */
  readonly isLost?: (position: Position) => boolean;
}

export interface StalenessOptions extends SessionOptions {
  /** What clocks, and the way of an answer, may add to the age that a read asks for; default 0 ms. */
  readonly toleranceMs?: number;
}

/** Whether what stands at `shown` contains what stood at `wanted`: terms never go back along a log. */
export function includes(shown: Position, wanted: Position): boolean {
  return shown.txId >= wanted.txId && shown.term >= wanted.term;
}

/**
 * Read your writes and monotonic reads. A read must show what any call of its session wrote or saw that had completed when it
 * was invoked, and the position whose token it sent.
 * Reads at `any` and `bounded` promise none of it, but for a token.
 */
export function checkSessions(
  operations: readonly Operation[],
  { isLost = () => false }: SessionOptions = {},
): Violation[] {
  const answered = operations.filter(({ type }) => type === 'ok');
  const sessions = Map.groupBy(answered, ({ session, process }) => session ?? `process ${process}`);
  return [
    ...answered.flatMap((operation) => tokenViolations(operation, isLost)),
    ...[...sessions].flatMap(([name, own]) => [
      ...positionViolations(name, own, isLost),
      ...contentViolations(name, own),
    ]),
  ];
}

function tokenViolations(operation: Operation, isLost: (position: Position) => boolean): Violation[] {
  const { after, position } = operation;
  return after === undefined || position === undefined || isLost(after) || includes(position, after)
    ? []
    : [
        {
          rule: 'token not obeyed',
          message: `${describe(operation)} sent ${place(after)} and was shown ${place(position)}`,
        },
      ];
}

function positionViolations(
  session: string,
  operations: readonly Operation[],
  isLost: (position: Position) => boolean,
): Violation[] {
  const placed = operations.filter(({ position }) => position !== undefined && !isLost(position));
  const highest = new Highest(placed);
  return placed.filter(isBound).flatMap((operation) => {
    const earlier = highest.completedBefore(operation.invokedAt);
    const [shown, wanted] = [operation.position as Position, earlier?.position as Position];
    return earlier === undefined || includes(shown, wanted)
      ? []
      : [
          {
            rule: isRead(earlier) ? 'not monotonic' : 'own write not seen',
            message: `${session} knew ${place(wanted)} by ${describe(earlier)}, and was then shown ${place(shown)} by ${describe(operation)}`,
          },
        ];
  });
}

/** Highest position among operations that had completed by a moment, by binary search. */
class Highest {
  readonly #inOrder: readonly Operation[];
  readonly #highest: Operation[] = [];

  constructor(operations: readonly Operation[]) {
    this.#inOrder = [...operations].sort((a, b) => a.completedAt - b.completedAt);
    for (const operation of this.#inOrder) {
      const before = this.#highest.at(-1);
      const isHigher = before === undefined || compare(operation.position as Position, before.position as Position) > 0;
      this.#highest.push(isHigher ? operation : before);
    }
  }

  completedBefore(index: number): Operation | undefined {
    return this.#highest[countBefore(this.#inOrder, ({ completedAt }) => completedAt < index) - 1];
  }

  completedBy(timeNs: number): Operation | undefined {
    return this.#highest[countBefore(this.#inOrder, ({ completeTimeNs }) => completeTimeNs <= timeNs) - 1];
  }
}

function compare(a: Position, b: Position): number {
  return a.term - b.term || a.txId - b.txId;
}

/** How many items at the beginning of a sorted array fulfil a condition. */
function countBefore<Item>(items: readonly Item[], condition: (item: Item) => boolean): number {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (condition(items[middle] as Item)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

function isRead({ call }: Operation): boolean {
  return call.f === 'read' || (call.f === 'txn' && call.steps.every(([f]) => f === 'r'));
}

/** Whether a call promises its session anything. Writes go where all earlier ones are. */
function isBound(operation: Operation): boolean {
  const { readLevel = 'linearizable' } = operation;
  return !isRead(operation) || readLevel === 'session' || readLevel === 'linearizable';
}

/** Lists tell without positions what a session knew: elements that it appended or saw must be in what it reads later. */
function contentViolations(session: string, operations: readonly Operation[]): Violation[] {
  const known = new Map<string, Map<Value, Operation>>();
  const completed = [...operations].sort((a, b) => a.completedAt - b.completedAt);
  const violations: Violation[] = [];
  let next = 0;
  for (const operation of [...operations].sort((a, b) => a.invokedAt - b.invokedAt)) {
    for (; (completed[next]?.completedAt ?? Number.POSITIVE_INFINITY) < operation.invokedAt; next += 1) {
      learn(known, completed[next] as Operation);
    }
    const { call } = operation;
    for (const [f, key, list] of call.f === 'txn' && isBound(operation) ? call.steps : []) {
      const wanted = f === 'r' ? known.get(String(key)) : undefined;
      const shown = new Set(f === 'r' ? list : []);
      const [missing, source] = [...(wanted ?? [])].find(([element]) => !shown.has(element)) ?? [];
      if (source !== undefined) {
        violations.push({
          rule: isRead(source) ? 'not monotonic' : 'own write not seen',
          message: `${session} knew ${missing} in ${key} by ${describe(source)}, and did not see it in ${describe(operation)}`,
        });
      }
    }
  }
  return violations;
}

function learn(known: Map<string, Map<Value, Operation>>, operation: Operation): void {
  const { call } = operation;
  for (const [f, key, value] of call.f === 'txn' ? call.steps : []) {
    const name = String(key);
    const elements = known.get(name) ?? new Map<Value, Operation>();
    known.set(name, elements);
    for (const element of f === 'append' ? [value] : (value ?? [])) {
      if (!elements.has(element)) {
        elements.set(element, operation);
      }
    }
  }
}

/**
 * Bounded staleness. A read that asks for a maximum age must show all that had been acknowledged so long before it was
 * invoked; one that asks for a maximum lag may be behind what had been acknowledged by so many transactions.
 */
export function checkStaleness(
  operations: readonly Operation[],
  { isLost = () => false, toleranceMs = 0 }: StalenessOptions = {},
): Violation[] {
  const answered = operations.filter(
    ({ type, position }) => type === 'ok' && position !== undefined && !isLost(position),
  );
  const highest = new Highest(answered.filter((operation) => !isRead(operation)));
  return answered.flatMap((operation) => {
    const { maxAgeMs, maxLag, invokeTimeNs, invokedAt, position } = operation;
    const shown = position as Position;
    const aged =
      maxAgeMs === undefined ? undefined : highest.completedBy(invokeTimeNs - (maxAgeMs + toleranceMs) * nanosPerMs);
    const newest = highest.completedBefore(invokedAt);
    const found: Violation[] = [];
    if (aged !== undefined && !includes(shown, aged.position as Position)) {
      const message = `${describe(operation)} asked for at most ${maxAgeMs} ms, was shown ${place(shown)}, and does not have ${describe(aged)} at ${place(aged.position as Position)}`;
      found.push({ rule: 'too old', message });
    }
    if (maxLag !== undefined && newest?.position !== undefined && newest.position.txId - shown.txId > maxLag) {
      const message = `${describe(operation)} asked for at most ${maxLag} transactions behind, and was shown ${place(shown)} after ${place(newest.position)} was acknowledged`;
      found.push({ rule: 'too far behind', message });
    }
    return found;
  });
}

function place({ term, txId }: Position): string {
  return `${txId} (term ${term})`;
}
