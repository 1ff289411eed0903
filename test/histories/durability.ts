import { elementName } from './list-versions.ts';
import { isTransaction, type Key, type Operation, type Outcome, type Value, type Violation } from './operation.ts';

/** A write by a name under which it is found at the end. */
export interface NamedWrite {
  readonly name: string;
  readonly type: Outcome;
  /** The level at which it was acknowledged: what the answer said, not what was asked for. */
  readonly ackLevel?: string | undefined;
}

export interface FinalState {
  /** Names of the writes that are in the content at the end. */
  readonly present: ReadonlySet<string>;
  /** Names of the writes that are in files of lost transactions. */
  readonly saved: ReadonlySet<string>;
  /** Ack levels whose writes may be lost by the faults of this run. */
  readonly mayBeLost: ReadonlySet<string>;
}

/** No loss of what was acknowledged at a level that the faults permit; what they do not permit is at least in a file. */
export function checkAcknowledged(writes: readonly NamedWrite[], final: FinalState): Violation[] {
  return writes.flatMap(({ name, type, ackLevel = 'async' }) => {
    if (type === 'fail' && final.present.has(name)) {
      return [{ rule: 'refused write', message: `${name} was refused, and is there` }];
    }
    if (type !== 'ok' || final.present.has(name)) {
      return [];
    }
    if (!final.mayBeLost.has(ackLevel)) {
      const where = final.saved.has(name) ? ', and only in a file of lost transactions' : '';
      return [{ rule: 'lost write', message: `${name} was acknowledged at ${ackLevel}, and is not there${where}` }];
    }
    return final.saved.has(name)
      ? []
      : [
          {
            rule: 'silent loss',
            message: `${name}, acknowledged at ${ackLevel}, is neither there nor in a file of lost transactions`,
          },
        ];
  });
}

/** The appends of a history, each under the name of its element. */
export function appendsOf(operations: readonly Operation[]): NamedWrite[] {
  return operations
    .filter(isTransaction)
    .flatMap(({ call, type, ackLevel }) =>
      call.steps.flatMap(([f, key, element]) =>
        f === 'append' ? [{ name: elementName(key, element), type, ackLevel }] : [],
      ),
    );
}

/** Names of all elements of lists, for `FinalState`. */
export function elementNames(lists: ReadonlyMap<Key, readonly Value[]>): Set<string> {
  return new Set([...lists].flatMap(([key, list]) => list.map((element) => elementName(key, element))));
}
