import { type AckGoal, type AckState, type AckWish, defaultAckSettings, noGoal, reachedBy } from './acks.ts';
import type { AckSettings, AckStatus, Awaited } from './types.ts';

/**
 * Carries what replicas acknowledge to the writer, and what that means back. The writer is woken only for what changes
 * something there: with one client at a time, most of what the replicas say does not.
 */
export class AckRelay {
  readonly #report: (state: AckState) => void;
  #state: AckState = { durable: [], applied: [] };
  #reported: AckState = this.#state;
  #wish: AckWish = { durable: noGoal, applied: noGoal };
  #status: AckStatus = 'reached';
  #degradations = 0;

  /** @param report tells the writer, which says again from time to time what it still waits for */
  constructor(report: (state: AckState) => void) {
    this.#report = report;
  }

  acknowledge(state: AckState): void {
    this.#state = state;
    this.#tell();
  }

  /** The writer changes its role: what replicas had is to be said anew. */
  forget(): void {
    this.#state = { durable: [], applied: [] };
    this.#reported = this.#state;
  }

  /** Takes what the writer waits for now, in place of what it waited for earlier. */
  wanted(wish: AckWish): void {
    this.#wish = wish;
    this.#tell();
  }

  #tell(): void {
    const { durable, applied } = this.#wish;
    const isDurable = isReached(durable, this.#state.durable);
    const isApplied = isReached(applied, this.#state.applied);
    if (isDurable || isApplied || this.#status === 'degraded' || isLess(this.#state.durable, this.#reported.durable)) {
      this.#wish = { durable: isDurable ? noGoal : durable, applied: isApplied ? noGoal : applied };
      this.#reported = this.#state;
      this.#report(this.#state);
    }
  }

  /** What clients wait for at this moment, if anything. */
  get awaited(): Awaited | undefined {
    const durable = this.#wish.durable.count > 0;
    const applied = this.#wish.applied.count > 0;
    return durable || applied ? { durable, applied } : undefined;
  }

  /** How many replicas must hold what clients wait for; 0 when nobody waits for that. */
  get awaitedCount(): number {
    return this.#wish.durable.count;
  }

  /** Whether transactions wait for replicas under these settings, as things stand. */
  asksFor(settings: AckSettings = defaultAckSettings): boolean {
    return settings.level.kind !== 'async' && this.#status !== 'degraded';
  }

  changed(status: AckStatus): void {
    this.#status = status;
    this.#degradations += status === 'degraded' ? 1 : 0;
  }

  get report(): { status: AckStatus; degradations: number } {
    return { status: this.#status, degradations: this.#degradations };
  }
}

function isReached({ count, txId }: AckGoal, positions: readonly number[]): boolean {
  return count > 0 && reachedBy(positions, count) >= txId;
}

/** Whether somebody has less than was told: another disk, or other replicas that count. */
function isLess(positions: readonly number[], told: readonly number[]): boolean {
  return told.some((position, i) => (positions[i] ?? 0) < position);
}
