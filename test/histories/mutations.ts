/** Defects that are put into right histories. Each gives undefined where the history has no place for it. */
import type { RandomSource } from '../random-source.ts';
import { type HistoryEvent, type Key, type Operation, operationsOf, type Step, type Value } from './operation.ts';

type Mutation = (events: readonly HistoryEvent[], random: RandomSource) => HistoryEvent[] | undefined;

/** A read of a register gives what it held before a write that had completed. */
const staleRegister: Mutation = (events, random) => {
  const operations = operationsOf(events);
  const places = operations.flatMap((operation) => {
    const { call, type } = operation;
    if (call.f !== 'read' || type !== 'ok' || call.value === null) {
      return [];
    }
    const isOld = operations.some(
      (other) =>
        other.type === 'ok' &&
        other.call.f !== 'txn' &&
        isBefore(other, operation) &&
        other.call.key === call.key &&
        other.call.f !== 'read',
    );
    return isOld ? [{ at: operation.completedAt, call: { ...call, value: null } }] : [];
  });
  return places.length === 0 ? undefined : replaced(events, random.pick(places));
};

/** A transaction that only reads one list does not see its last element, whose append had completed. */
const staleList: Mutation = (events, random) => {
  const appended = new Map<string, Operation>();
  const operations = operationsOf(events);
  for (const operation of operations) {
    for (const [f, key, element] of operation.call.f === 'txn' && operation.type === 'ok' ? operation.call.steps : []) {
      if (f === 'append') {
        appended.set(`${key} ${element}`, operation);
      }
    }
  }
  const places = readsOf(operations).flatMap(({ operation, key, list }) => {
    const writer = appended.get(`${key} ${list.at(-1)}`);
    const steps: Step[] = [['r', key, list.slice(0, -1)]];
    return writer !== undefined && isBefore(writer, operation)
      ? [{ at: operation.completedAt, call: { f: 'txn' as const, steps } }]
      : [];
  });
  return places.length === 0 ? undefined : replaced(events, random.pick(places));
};

/** The append of an element that others have seen after another one is refused. */
const abortedRead: Mutation = (events, random) => {
  const operations = operationsOf(events);
  const seen = new Set(readsOf(operations).flatMap(({ key, list }) => list.map((element) => `${key} ${element}`)));
  const places = operations.filter(
    ({ type, call }) =>
      type === 'ok' &&
      call.f === 'txn' &&
      call.steps.some(([f, key, element]) => f === 'append' && seen.has(`${key} ${element}`)),
  );
  const chosen = places.length === 0 ? undefined : random.pick(places);
  return chosen && events.map((event) => (event.index === chosen.completedAt ? { ...event, type: 'fail' } : event));
};

/** A read shows the last two elements of a list in the other order. */
const swappedElements: Mutation = (events, random) => {
  const reads = readsOf(operationsOf(events));
  const places = reads.flatMap(({ operation, key, list }) => {
    const isSeenTwice = reads.some(
      (other) => other.operation !== operation && other.key === key && other.list.length >= list.length,
    );
    const [last, secondLast] = [list.at(-1) as Value, list.at(-2) as Value];
    const steps: Step[] = [['r', key, [...list.slice(0, -2), last, secondLast]]];
    return list.length > 1 && isSeenTwice ? [{ at: operation.completedAt, call: { f: 'txn' as const, steps } }] : [];
  });
  return places.length === 0 ? undefined : replaced(events, random.pick(places));
};

/** An element vanishes from all reads, although its append was acknowledged before one of them. */
const lostUpdate: Mutation = (events, random) => {
  const operations = operationsOf(events);
  const reads = readsOf(operations);
  const places = operations.flatMap((operation) =>
    (operation.call.f === 'txn' && operation.type === 'ok' ? operation.call.steps : []).flatMap(([f, key, element]) =>
      f === 'append' &&
      reads.some((read) => read.key === key && read.list.includes(element) && isBefore(operation, read.operation))
        ? [{ key, element }]
        : [],
    ),
  );
  const chosen = places.length === 0 ? undefined : random.pick(places);
  return (
    chosen &&
    events.map((event) => {
      const { call, type } = event;
      const steps = call.f === 'txn' && type === 'ok' ? call.steps : [];
      return steps.length === 0
        ? event
        : {
            ...event,
            call: { f: 'txn' as const, steps: steps.map((step) => without(step, chosen.key, chosen.element)) },
          };
    })
  );
};

export const registerMutations = { staleRegister };
export const listMutations = { staleList, abortedRead, swappedElements, lostUpdate };

function without(step: Step, key: Key, element: Value): Step {
  const [f, stepKey, list] = step;
  return f === 'r' && stepKey === key ? [f, key, (list ?? []).filter((other) => other !== element)] : step;
}

/** Transactions that are one read of a list. */
function readsOf(operations: readonly Operation[]) {
  return operations.flatMap((operation) => {
    const { call, type } = operation;
    const [step, ...more] = call.f === 'txn' && type === 'ok' ? call.steps : [];
    return step?.[0] === 'r' && more.length === 0 ? [{ operation, key: step[1], list: step[2] ?? [] }] : [];
  });
}

function isBefore(a: Operation, b: Operation): boolean {
  return a.completedAt < b.invokedAt;
}

function replaced(
  events: readonly HistoryEvent[],
  { at, call }: { readonly at: number; readonly call: HistoryEvent['call'] },
): HistoryEvent[] {
  return events.map((event) => (event.index === at ? { ...event, call } : event));
}
