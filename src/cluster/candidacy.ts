import { type Backoff, createBackoff, type Runtime } from '../runtime/interface.ts';
import type { Decision, ElectionKind, Rule } from './decision.ts';
import { Election, type ElectionContext } from './election.ts';

/** Milliseconds of waiting after elections that failed, at first and at most. */
const backoffMs = { initial: 100, max: 5_000 };

/** So many primaries in so short a time, in milliseconds, mend nothing: members leave the place empty until fewer were there. */
export const flapping = { primaries: 15, withinMs: 30_000 } as const;

/** What went wrong by itself, and is tried less and less often; what others decide is only waited for. */
const failures: ReadonlySet<Rule> = new Set(['promises', 'fetch', 'failed']);

type CandidacyContext = Omit<ElectionContext, 'kind' | 'runtime' | 'dryRun' | 'isFlapping'>;

/** The elections of one member: how often it stands, and what came of it. */
export class Candidacy {
  readonly #runtime: Runtime;
  readonly #onDecision: (decision: Decision) => void;
  readonly #backoff: Backoff;
  #notBeforeMs = -Infinity;
  /** The latest primaries, the last of them at the end. */
  #primaries: readonly { readonly term: number; readonly sinceMs: number }[] = [];
  #told = '';
  #last: Decision | undefined;

  /** @param onDecision called with every election that ended otherwise than the one before */
  constructor(runtime: Runtime, onDecision: (decision: Decision) => void) {
    this.#runtime = runtime;
    this.#onDecision = onDecision;
    this.#backoff = createBackoff(runtime.random, backoffMs.initial, backoffMs.max);
  }

  /** Whether it is time to stand by itself. */
  get isDue(): boolean {
    return this.#runtime.clock.monotonicMs() >= this.#notBeforeMs;
  }

  /** To be called when somebody has become primary. */
  notePrimary(term: number): void {
    if (this.#primaries.at(-1)?.term !== term) {
      const primary = { term, sinceMs: this.#runtime.clock.monotonicMs() };
      this.#primaries = [...this.#primaries, primary].slice(-flapping.primaries);
    }
  }

  get #isFlapping(): boolean {
    const [first] = this.#primaries;
    const sinceMs = this.#runtime.clock.monotonicMs() - flapping.withinMs;
    return this.#primaries.length === flapping.primaries && first !== undefined && first.sinceMs > sinceMs;
  }

  /** The last election of this member. */
  get last(): Decision | undefined {
    return this.#last;
  }

  /** Says whether this member could become primary, and changes nothing. */
  async rehearse(kind: ElectionKind, context: CandidacyContext): Promise<Decision> {
    return await this.#election(kind, context, true).run();
  }

  async stand(kind: ElectionKind, context: CandidacyContext): Promise<Decision> {
    const decision = await this.#election(kind, context, false).run();
    this.#last = decision;
    const { refusal } = decision;
    const told = refusal === undefined ? '' : `${refusal.rule} after ${decision.previousTerm}`;
    if (refusal === undefined || told !== this.#told) {
      this.#onDecision(decision);
    }
    this.#told = told;
    this.#pace(refusal?.rule);
    return decision;
  }

  #election(kind: ElectionKind, context: CandidacyContext, dryRun: boolean): Election {
    return new Election({ ...context, kind, runtime: this.#runtime, dryRun, isFlapping: this.#isFlapping });
  }

  #pace(refusal: Rule | undefined): void {
    if (refusal === undefined) {
      this.#backoff.reset();
      return;
    }
    const { clock, random } = this.#runtime;
    const waitMs = failures.has(refusal) ? this.#backoff.nextDelayMs() : random.next() * backoffMs.initial;
    this.#notBeforeMs = clock.monotonicMs() + waitMs;
  }
}
