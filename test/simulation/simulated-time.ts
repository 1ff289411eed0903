/** Whoever an event happens to: events of the dead are dropped, events of the paused wait. */
export interface Owner {
  readonly alive: boolean;
  /** Simulated milliseconds until which nothing happens to it. */
  readonly pausedUntilMs: number;
}

export interface ScheduledEvent {
  cancel(): void;
}

interface QueuedEvent {
  atMs: number;
  sequence: number;
  readonly owner: Owner;
  readonly action: () => void;
  cancelled: boolean;
}

/** The world itself: neither dies nor pauses. */
export const world: Owner = { alive: true, pausedUntilMs: 0 };

/** Lets all promises settle that can. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Time that stands still while something happens and then jumps to the next event. Events of one moment happen in the
 * order in which they were scheduled, so that a run depends on nothing but its seed.
 */
export class SimulatedTime {
  /** Sorted, latest first. */
  readonly #queue: QueuedEvent[] = [];
  #nowMs = 0;
  #sequence = 0;
  #events = 0;

  /** Milliseconds since the simulation began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events have happened. */
  get events(): number {
    return this.#events;
  }

  after(delayMs: number, owner: Owner, action: () => void): ScheduledEvent {
    const event = { atMs: this.#nowMs + delayMs, sequence: this.#sequence, owner, action, cancelled: false };
    this.#sequence += 1;
    this.#insert(event);
    return {
      cancel: () => {
        event.cancelled = true;
      },
    };
  }

  #insert(event: QueuedEvent): void {
    let low = 0;
    let high = this.#queue.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#queue[middle] as QueuedEvent;
      if (other.atMs > event.atMs || (other.atMs === event.atMs && other.sequence > event.sequence)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    this.#queue.splice(low, 0, event);
  }

  /** Lets events happen until `done` says so or `untilMs` is reached; `afterEach` looks at the world between them. */
  async run(untilMs: number, afterEach: () => void | Promise<void>, done: () => boolean = () => false): Promise<void> {
    for (let next = this.#queue.at(-1); next !== undefined && next.atMs <= untilMs; next = this.#queue.at(-1)) {
      this.#queue.pop();
      if (!this.#begin(next)) {
        continue;
      }
      next.action();
      await settled();
      await afterEach();
      if (done()) {
        return;
      }
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** Whether the event happens now; one of a paused owner happens when the pause is over. */
  #begin(event: QueuedEvent): boolean {
    if (event.cancelled || !event.owner.alive) {
      return false;
    }
    if (event.owner.pausedUntilMs > event.atMs) {
      event.atMs = event.owner.pausedUntilMs;
      // What was delayed keeps its order, whatever it had been scheduled after.
      event.sequence = this.#sequence;
      this.#sequence += 1;
      this.#insert(event);
      return false;
    }
    this.#nowMs = event.atMs;
    this.#events += 1;
    return true;
  }
}
