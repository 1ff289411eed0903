import type { Timer, Timers } from '../runtime/interface.ts';
import type { GroupMember } from './types.ts';

/** Who is primary, as far as a member knows. */
export interface KnownLeader {
  readonly member: GroupMember;
  readonly term: number;
  readonly isSelf: boolean;
  /** Aborted when it is not primary any more and answers for nothing that it was sent. */
  readonly gone: AbortSignal;
}

/** What a member knows of who is primary. */
export class LeaderKnowledge implements Disposable {
  readonly #timers: Timers;
  readonly #onChange: (leader: KnownLeader | undefined) => void;
  #leader: KnownLeader | undefined;
  #gone = new AbortController();
  /** Ends the time of the primary before. */
  #leaving: (() => void) | undefined;
  #timer: Timer | undefined;

  /** @param onChange called when another, or nobody, is known to be primary */
  constructor(timers: Timers, onChange: (leader: KnownLeader | undefined) => void) {
    this.#timers = timers;
    this.#onChange = onChange;
  }

  get leader(): KnownLeader | undefined {
    return this.#leader;
  }

  /** @param graceMs milliseconds in which the primary before may still answer */
  learn(leader: Omit<KnownLeader, 'gone'> | undefined, graceMs: number): void {
    const before = this.#leader;
    const isNew = before?.term !== leader?.term || before?.member.nodeId !== leader?.member.nodeId;
    if (isNew && before !== undefined) {
      this.#leave(graceMs);
    }
    this.#leader = leader && { ...leader, gone: this.#gone.signal };
    if (isNew) {
      this.#onChange(this.#leader);
    }
  }

  #leave(graceMs: number): void {
    this.#leaving?.();
    this.#timer?.cancel();
    const gone = this.#gone;
    this.#gone = new AbortController();
    this.#leaving = () => gone.abort();
    this.#timer = this.#timers.after(graceMs, this.#leaving);
  }

  [Symbol.dispose](): void {
    this.#timer?.cancel();
    this.#leaving?.();
    this.#gone.abort();
  }
}
