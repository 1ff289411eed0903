/**
 * A tiny database that is right by construction: every call takes effect in one moment between its invocation and its
 * completion. It makes histories that every checker must accept, and with a defect such as no checker may.
 */
import { RandomSource } from '../random-source.ts';
import type { Attributes, Call, HistoryEvent, Key, Outcome, Step, Value } from './operation.ts';

export interface ModelOptions {
  readonly seed: number;
  readonly operations: number;
  readonly processes: number;
  readonly keys: number;
  /** Probability that a call gets no answer. */
  readonly unknown?: number;
  /** Probability that a call is refused. */
  readonly refused?: number;
  /** Lists and transactions of up to three steps, or single registers. */
  readonly kind: 'list' | 'register';
}

interface Pending {
  readonly call: Call;
  readonly attributes: Attributes;
  answer?: { readonly type: Outcome; readonly call: Call; readonly txId: number };
}

const nanosPerEvent = 1_000_000;

export function validHistory(options: ModelOptions): HistoryEvent[] {
  return new Model(options).run();
}

class Model {
  readonly #options: ModelOptions;
  readonly #random: RandomSource;
  readonly #events: HistoryEvent[] = [];
  readonly #registers = new Map<Key, Value>();
  readonly #lists = new Map<Key, readonly Value[]>();
  readonly #pending = new Map<number, Pending>();
  #nextValue = 1;
  #txId = 0;

  constructor(options: ModelOptions) {
    this.#options = options;
    this.#random = new RandomSource(options.seed);
  }

  run(): HistoryEvent[] {
    const processes = Array.from({ length: this.#options.processes }, (_, i) => i);
    let begun = 0;
    while (begun < this.#options.operations || this.#pending.size > 0) {
      const slot = this.#random.int(0, processes.length - 1);
      const process = processes[slot] as number;
      const pending = this.#pending.get(process);
      if (pending?.answer !== undefined) {
        this.#complete(process, pending.answer);
        // A process of which nobody knows what it does is not used again.
        processes[slot] = pending.answer.type === 'info' ? process + this.#options.processes : process;
      } else if (pending !== undefined) {
        pending.answer = this.#takeEffect(pending.call);
      } else if (begun < this.#options.operations) {
        begun += 1;
        const call = this.#options.kind === 'list' ? this.#listCall() : this.#registerCall();
        this.#pending.set(process, { call, attributes: {} });
        this.#add(process, 'invoke', call);
      }
    }
    return this.#events;
  }

  #add(process: number, type: HistoryEvent['type'], call: Call, more: Attributes = {}): void {
    const index = this.#events.length;
    const attributes: Attributes = {
      node: `node${process % 3}`,
      readLevel: 'linearizable',
      ackLevel: 'quorum',
      ...more,
    };
    this.#events.push({ index, timeNs: index * nanosPerEvent, process, type, call, ...attributes });
  }

  #complete(process: number, { type, call, txId }: NonNullable<Pending['answer']>): void {
    this.#pending.delete(process);
    this.#add(process, type, call, type === 'ok' ? { position: { term: 1, txId } } : {});
  }

  #key(): Key {
    return this.#random.int(1, this.#options.keys);
  }

  #value(): number {
    return this.#nextValue++;
  }

  #registerCall(): Call {
    const key = this.#key();
    const kind = this.#random.int(1, 4);
    if (kind === 1) {
      const expected = this.#registers.get(key) ?? null;
      return { f: 'cas', key, expected, replacement: this.#value() };
    }
    return kind === 2 ? { f: 'write', key, value: this.#value() } : { f: 'read', key, value: null };
  }

  #listCall(): Call {
    const steps = Array.from({ length: this.#random.int(1, 3) }, (): Step => {
      const key = this.#key();
      return this.#random.chance(0.5) ? ['append', key, this.#value()] : ['r', key, null];
    });
    return { f: 'txn', steps };
  }

  #takeEffect(call: Call): NonNullable<Pending['answer']> {
    const { unknown = 0, refused = 0 } = this.#options;
    if (this.#random.chance(refused)) {
      return { type: 'fail', call, txId: this.#txId };
    }
    const isUnknown = this.#random.chance(unknown);
    const answered = isUnknown && this.#random.chance(0.5) ? call : this.#apply(call);
    if (answered === undefined) {
      return { type: 'fail', call, txId: this.#txId };
    }
    return { type: isUnknown ? 'info' : 'ok', call: answered, txId: this.#txId };
  }

  /** The call with what it is answered; undefined when it is refused by what is there. */
  #apply(call: Call): Call | undefined {
    if (call.f === 'read') {
      return { ...call, value: this.#registers.get(call.key) ?? null };
    }
    if (call.f === 'txn') {
      this.#txId += call.steps.some(([f]) => f === 'append') ? 1 : 0;
      return { f: 'txn', steps: call.steps.map((step) => this.#applyStep(step)) };
    }
    if (call.f === 'cas' && (this.#registers.get(call.key) ?? null) !== call.expected) {
      return undefined;
    }
    this.#txId += 1;
    this.#registers.set(call.key, call.f === 'cas' ? call.replacement : call.value);
    return call;
  }

  #applyStep(step: Step): Step {
    const [f, key, value] = step;
    const list = this.#lists.get(key) ?? [];
    if (f === 'r') {
      return [f, key, list];
    }
    this.#lists.set(key, [...list, value]);
    return step;
  }
}
