import { describe, type Key, type Operation, type OperationOf, type Value, type Violation } from './operation.ts';

export type Transaction = OperationOf<'txn'>;
export type Element = number | string;

/** What a transaction saw of a key before it changed it itself. */
export interface OuterRead {
  readonly reader: number;
  readonly list: readonly Value[];
}

/** A name for an element of a list: elements are unique in their list. */
export function elementName(key: Key, element: Value): string {
  return JSON.stringify([key, element]);
}

/**
 * The order of versions of one list. Every read shows the whole list, so the longest one is the order of all appends that
 * anybody saw, and every other read must be a beginning of it.
 */
export class ListVersions {
  readonly key: Key;
  readonly reads: OuterRead[] = [];
  #longest: readonly Value[] = [];

  constructor(key: Key) {
    this.key = key;
  }

  get longest(): readonly Value[] {
    return this.#longest;
  }

  note(list: readonly Value[]): void {
    if (list.length > this.#longest.length) {
      this.#longest = list;
    }
  }

  /** Whether a list is a beginning of the longest one. */
  isVersion(list: readonly Value[]): boolean {
    return list.every((element, i) => element === this.#longest[i]);
  }
}

/** All lists of a history, the writers of their elements, and what contradicts itself without a look at any order. */
export class ListHistory {
  readonly transactions: readonly Transaction[];
  readonly lists = new Map<Key, ListVersions>();
  readonly violations: Violation[] = [];
  /** By element name the transaction that appended it. */
  readonly #writers = new Map<string, number>();
  /** By key and transaction the last element that it appended. */
  readonly #lastAppends = new Map<string, Element>();

  constructor(transactions: readonly Transaction[], final: ReadonlyMap<Key, readonly Value[]>) {
    this.transactions = transactions;
    this.#noteAppends();
    for (const [key, list] of final) {
      this.list(key).note(list);
      this.#checkElements(key, list, 'the final content');
    }
    for (const [i, transaction] of transactions.entries()) {
      if (transaction.type === 'ok') {
        this.#noteReads(i, transaction);
      }
    }
    this.#checkOrders(final);
  }

  list(key: Key): ListVersions {
    let list = this.lists.get(key);
    if (list === undefined) {
      list = new ListVersions(key);
      this.lists.set(key, list);
    }
    return list;
  }

  /** Number of the transaction that appended an element; undefined when none did. */
  writer(key: Key, element: Value | undefined): number | undefined {
    return element === undefined ? undefined : this.#writers.get(elementName(key, element));
  }

  describe(i: number): string {
    return describe(this.transactions[i] as Operation);
  }

  #noteAppends(): void {
    for (const [i, { call }] of this.transactions.entries()) {
      for (const [f, key, element] of call.steps) {
        if (f !== 'append') {
          continue;
        }
        const name = elementName(key, element);
        if (this.#writers.has(name)) {
          throw new Error(`${element} is appended to ${key} twice: such a history tells nothing`);
        }
        this.list(key);
        this.#writers.set(name, i);
        this.#lastAppends.set(elementName(key, i), element);
      }
    }
  }

  #noteReads(i: number, { call }: Transaction): void {
    /** By key what the transaction must see of it; before the first read only the end is known. */
    const own = new Map<Key, { known: boolean; list: Value[] }>();
    for (const [f, key, value] of call.steps) {
      const state = own.get(key) ?? { known: false, list: [] };
      own.set(key, state);
      if (f === 'append') {
        state.list.push(value);
        continue;
      }
      const list = value ?? [];
      const isAsLeft = state.known ? list.length === state.list.length : list.length >= state.list.length;
      const offset = list.length - state.list.length;
      if (!isAsLeft || state.list.some((element, at) => element !== list[offset + at])) {
        this.#report('internal', `a transaction does not see what it did itself with ${key}: ${this.describe(i)}`);
        return;
      }
      if (!state.known) {
        this.#noteOuterRead(i, key, list.slice(0, offset));
        this.list(key).note(list);
        own.set(key, { known: true, list: [...list] });
      }
    }
  }

  #noteOuterRead(reader: number, key: Key, list: readonly Value[]): void {
    this.list(key).reads.push({ reader, list });
    this.#checkElements(key, list, this.describe(reader));
    const last = list.at(-1);
    const writer = this.writer(key, last);
    if (writer !== undefined && this.#lastAppends.get(elementName(key, writer)) !== last) {
      this.#report(
        'G1b',
        `an intermediate state of ${key} was read, which ends with ${last}:\n  ${this.describe(writer)}\n  ${this.describe(reader)}`,
      );
    }
  }

  /** Every element must come from a transaction that was not refused, and be there once. */
  #checkElements(key: Key, list: readonly Value[], where: string): void {
    const seen = new Set<Value>();
    for (const element of list) {
      const writer = this.writer(key, element);
      if (writer === undefined) {
        this.#report('phantom element', `nobody appended ${element} to ${key}, but it is in ${where}`);
      } else if (this.transactions[writer]?.type === 'fail') {
        this.#report(
          'G1a',
          `${element} of ${key} was refused, and is read all the same:\n  ${this.describe(writer)}\n  ${where}`,
        );
      }
      if (seen.has(element)) {
        this.#report('duplicate append', `${element} is in the list ${key} twice: ${where}`);
      }
      seen.add(element);
    }
  }

  #checkOrders(final: ReadonlyMap<Key, readonly Value[]>): void {
    for (const list of this.lists.values()) {
      const odd = list.reads.find((read) => !list.isVersion(read.list));
      const last = final.get(list.key);
      if (odd !== undefined) {
        this.#report(
          'incompatible order',
          `of ${list.key} one saw [${odd.list.join(' ')}], another [${list.longest.join(' ')}]: ${this.describe(odd.reader)}`,
        );
      }
      if (last !== undefined && last !== list.longest && (last.length < list.longest.length || !list.isVersion(last))) {
        this.#report('lost append', `${list.key} was [${list.longest.join(' ')}] and ends as [${last.join(' ')}]`);
      }
    }
    for (const [key, last] of final) {
      const present = new Set(last);
      for (const { call, type, invokedAt } of this.transactions) {
        for (const [f, stepKey, element] of type === 'ok' ? call.steps : []) {
          if (f === 'append' && stepKey === key && !present.has(element)) {
            this.#report(
              'lost append',
              `${element} was appended to ${key} by #${invokedAt}, and is not there at the end`,
            );
          }
        }
      }
    }
  }

  #report(rule: string, message: string): void {
    if (!this.violations.some((other) => other.rule === rule && other.message === message)) {
      this.violations.push({ rule, message });
    }
  }
}
