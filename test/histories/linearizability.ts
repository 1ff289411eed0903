/**
 * Linearizability of single keys. There must be an order of all operations of a key in which each takes effect between its
 * invocation and its completion, and in which every read gives what was written last.
 *
 * The search is that of Wing and Gong, "Testing and Verifying Concurrent Objects" (1993), with the memory of Lowe, "Testing
 * for Linearizability" (2017): place one operation after the other among those that may come next, go back where none may,
 * and never look twice at the same set of placed operations with the same value. Two things keep it short. A read that gives
 * the value of the moment is placed at once, since it changes nothing. And an operation of unknown outcome whose value
 * nobody ever saw is left out, since it may as well not have happened.
 */
import { describe, type Key, type Operation, type OperationOf, type Value, type Violation } from './operation.ts';

type RegisterOperation = OperationOf<'read' | 'write' | 'cas'>;

export interface LinearizabilityOptions {
  /** What a key holds at the beginning; `null` where nothing is told. */
  readonly initial?: (key: Key) => Value;
  /** How many states of the search are looked at for each key, which bounds time and memory; default 200,000. */
  readonly stateLimit?: number;
}

const defaultStateLimit = 200_000;

/**
 * Checks each key for itself: linearizability is local. Reads of a level other than `linearizable` are left out.
 * A search that reaches its limit gives the violation `linearizability unknown`.
 */
export function checkLinearizability(
  operations: readonly Operation[],
  { initial = () => null, stateLimit = defaultStateLimit }: LinearizabilityOptions = {},
): Violation[] {
  const keys = Map.groupBy(operations.filter(isJudged), ({ call }) => call.key);
  return [...keys].flatMap(([key, own]) => new RegisterSearch(key, own, initial(key), stateLimit).violations());
}

function isJudged(operation: Operation): operation is RegisterOperation {
  const { call, type, readLevel = 'linearizable' } = operation;
  if (call.f === 'txn' || type === 'fail') {
    return false;
  }
  return call.f !== 'read' || (type === 'ok' && readLevel === 'linearizable');
}

/** What follows when an operation takes effect on this value; undefined when it cannot have been answered so. */
function nextValue({ call }: RegisterOperation, value: Value): Value | undefined {
  switch (call.f) {
    case 'read':
      return call.value === value ? value : undefined;
    case 'write':
      return call.value;
    default:
      return call.expected === value ? call.replacement : undefined;
  }
}

/** Drops operations of unknown outcome that nobody can have noticed, until only such remain that somebody may have. */
function withoutUnseen(operations: readonly RegisterOperation[]): RegisterOperation[] {
  const seen = new Set<Value>();
  for (const { call } of operations) {
    if (call.f === 'read') {
      seen.add(call.value);
    } else if (call.f === 'cas') {
      seen.add(call.expected);
    }
  }
  const kept = operations.filter(
    ({ type, call }) => type === 'ok' || seen.has(call.f === 'cas' ? call.replacement : call.value),
  );
  return kept.length === operations.length ? kept : withoutUnseen(kept);
}

/** A state of the search: what was placed to reach it, and what may come next. */
interface State {
  readonly placed: readonly number[];
  /** The value before that. */
  readonly before: Value;
  readonly candidates: readonly number[];
  /** The candidate to try next. */
  next: number;
}

class RegisterSearch {
  readonly #key: Key;
  /** Operations of known outcome in the order of invocation, and after them those of unknown outcome. */
  readonly #operations: readonly RegisterOperation[];
  /** How many of them have a known outcome. */
  readonly #known: number;
  readonly #stateLimit: number;
  readonly #isPlaced: Uint8Array;
  /** All operations before it are placed. */
  #base = 0;
  #value: Value;
  /** Operations of known outcome that are not placed. */
  #remaining: number;
  readonly #visited = new Set<string>();
  /** The state with the fewest operations left, for the message. */
  #closest: { readonly remaining: number; readonly value: Value; readonly waiting: readonly number[] };

  constructor(key: Key, operations: readonly RegisterOperation[], initial: Value, stateLimit: number) {
    const sorted = withoutUnseen(operations).sort((a, b) => a.invokedAt - b.invokedAt);
    const known = sorted.filter(({ type }) => type === 'ok');
    this.#key = key;
    this.#operations = [...known, ...sorted.filter(({ type }) => type === 'info')];
    this.#known = known.length;
    this.#remaining = known.length;
    this.#stateLimit = stateLimit;
    this.#isPlaced = new Uint8Array(sorted.length);
    this.#value = initial;
    this.#closest = { remaining: known.length + 1, value: initial, waiting: [] };
  }

  violations(): Violation[] {
    const states = [this.#enter()];
    while (this.#remaining > 0) {
      const state = states.at(-1);
      if (state === undefined) {
        return [this.#violation()];
      }
      if (this.#visited.size > this.#stateLimit) {
        return [this.#unknown()];
      }
      const candidate = state.candidates[state.next];
      state.next += 1;
      if (candidate === undefined) {
        states.pop();
        this.#leave(state);
      } else if (nextValue(this.#operation(candidate), this.#value) !== undefined) {
        const entered = this.#enter(candidate);
        if (this.#isNew()) {
          states.push(entered);
        } else {
          this.#leave(entered);
        }
      }
    }
    return [];
  }

  /** Places an operation and all reads that fit then. */
  #enter(candidate?: number): State {
    const before = this.#value;
    const placed: number[] = [];
    if (candidate !== undefined) {
      this.#place(candidate, placed);
    }
    let candidates = this.#candidates();
    for (let fitting = this.#fittingReads(candidates); fitting.length > 0; fitting = this.#fittingReads(candidates)) {
      for (const read of fitting) {
        this.#place(read, placed);
      }
      candidates = this.#candidates();
    }
    if (this.#remaining < this.#closest.remaining) {
      this.#closest = { remaining: this.#remaining, value: this.#value, waiting: candidates };
    }
    return { placed, before, candidates, next: 0 };
  }

  #leave({ placed, before }: State): void {
    for (const i of placed) {
      this.#isPlaced[i] = 0;
      this.#base = Math.min(this.#base, i);
      this.#remaining += i < this.#known ? 1 : 0;
    }
    this.#value = before;
  }

  #place(i: number, placed: number[]): void {
    this.#value = nextValue(this.#operation(i), this.#value) as Value;
    this.#isPlaced[i] = 1;
    placed.push(i);
    this.#remaining -= i < this.#known ? 1 : 0;
    while (this.#base < this.#known && this.#isPlaced[this.#base] === 1) {
      this.#base += 1;
    }
  }

  #fittingReads(candidates: readonly number[]): number[] {
    return candidates.filter((i) => {
      const { call } = this.#operation(i);
      return call.f === 'read' && call.value === this.#value;
    });
  }

  /** What may take effect next: all that was invoked before anything that is not placed has completed. */
  #candidates(): number[] {
    const found: number[] = [];
    let firstCompletion = Number.POSITIVE_INFINITY;
    for (let i = this.#base; i < this.#known && this.#operation(i).invokedAt < firstCompletion; i += 1) {
      if (this.#isPlaced[i] === 0) {
        found.push(i);
        firstCompletion = Math.min(firstCompletion, this.#operation(i).completedAt);
      }
    }
    found.sort((a, b) => this.#operation(a).completedAt - this.#operation(b).completedAt);
    for (let i = this.#known; i < this.#operations.length; i += 1) {
      if (this.#isPlaced[i] === 0 && this.#operation(i).invokedAt < firstCompletion) {
        found.push(i);
      }
    }
    return found;
  }

  /** Whether nothing was seen yet of what can follow these placed operations and this value. */
  #isNew(): boolean {
    const beyond: number[] = [];
    for (let left = this.#known - this.#remaining - this.#base, i = this.#base; left > 0; i += 1) {
      if (this.#isPlaced[i] === 1) {
        beyond.push(i);
        left -= 1;
      }
    }
    for (let i = this.#known; i < this.#operations.length; i += 1) {
      if (this.#isPlaced[i] === 1) {
        beyond.push(i);
      }
    }
    const before = this.#visited.size;
    this.#visited.add(`${this.#base} ${beyond} ${JSON.stringify(this.#value)}`);
    return this.#visited.size > before;
  }

  #operation(i: number): RegisterOperation {
    return this.#operations[i] as RegisterOperation;
  }

  #violation(): Violation {
    const { remaining, value, waiting } = this.#closest;
    const lines = waiting.map((i) => `  ${describe(this.#operation(i))}`);
    return {
      rule: 'not linearizable',
      message: [
        `key ${this.#key}: after ${this.#known - remaining} of ${this.#known} operations it holds ${value}, and none of these leads on:`,
        ...lines,
      ].join('\n'),
    };
  }

  #unknown(): Violation {
    return {
      rule: 'linearizability unknown',
      message: `key ${this.#key}: the search has looked at ${this.#stateLimit} states of ${this.#operations.length} operations without an answer; a history with fewer concurrent or unknown operations has one`,
    };
  }
}
