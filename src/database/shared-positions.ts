import type { DatabasePositions } from './types.ts';
import { WriterTimings } from './writer-timings.ts';

const slot = {
  tip: 0,
  durable: 1,
  commit: 2,
  applied: 3,
  term: 4,
  logBytes: 5,
  streamedBytes: 6,
  /** Oldest record in the log. */
  logFirst: 7,
  /** Number of the content folder: readers open its file, and open again when the number changes. */
  content: 8,
  /** Bytes of the records up to the tip, and up to the last applied one; only their distances mean something. */
  tipBytes: 9,
  appliedBytes: 10,
  /** Highest term that was promised to a candidate. */
  promised: 11,
  /** Until when a primary may act, by the monotonic clock in milliseconds; 0 when nothing limits it. */
  leaseUntilMs: 12,
  /** Odd while the writer's thread does something (writer-pulse.ts). */
  turns: 13,
  /** Bytes of records that a replica has received and not yet fsynced, and of those that it keeps in memory to apply them. */
  receivedBytes: 14,
  unappliedBytes: 15,
  /** Messages that the node has posted to the writer. */
  posted: 16,
  /** Writes with an idempotency key since the database was opened: those that took it, and those that came again. */
  keysTaken: 17,
  keysRepeated: 18,
  /** Traced transactions of which a replica did not follow the applying. */
  tracesNotFollowed: 19,
} as const;
type Slot = keyof typeof slot;
type Sum = 'streamedBytes' | 'turns' | 'receivedBytes' | 'keysTaken' | 'keysRepeated' | 'tracesNotFollowed';
const slotCount = Object.keys(slot).length;
const slotBytes = slotCount * BigInt64Array.BYTES_PER_ELEMENT;

/**
 * The positions of a database and the timings of its writer, in memory that its threads share: the writer thread stores,
 * everybody reads without asking, and other threads can wait for the applied position.
 */
export class SharedPositions {
  readonly buffer: SharedArrayBuffer;
  readonly #slots: BigInt64Array;
  readonly timings: WriterTimings;

  constructor(buffer = new SharedArrayBuffer(slotBytes + WriterTimings.sizeBytes)) {
    this.buffer = buffer;
    this.#slots = new BigInt64Array(buffer, 0, slotCount);
    this.timings = new WriterTimings(buffer, slotBytes);
  }

  get(name: Slot): number {
    return Number(Atomics.load(this.#slots, slot[name]));
  }

  set(name: Slot, value: number): void {
    Atomics.store(this.#slots, slot[name], BigInt(value));
    if (name === 'applied') {
      Atomics.notify(this.#slots, slot.applied);
    }
  }

  /** Tells the writer, which may wait in `waitForPost`, that a message of the node is in its port. */
  notePost(): void {
    Atomics.add(this.#slots, slot.posted, 1n);
    Atomics.notify(this.#slots, slot.posted);
  }

  /** Blocks this thread until the node has posted more than `seen` messages, or for `limitMs`. */
  waitForPost(seen: number, limitMs: number): void {
    Atomics.wait(this.#slots, slot.posted, BigInt(seen), limitMs);
  }

  /** Adds to a number; returns the sum. */
  add(name: Sum, amount: number): number {
    return Number(Atomics.add(this.#slots, slot[name], BigInt(amount))) + amount;
  }

  /** Lowest first: each only grows while they are read, so none is ever seen below one that it must not fall behind. */
  read(): DatabasePositions {
    const applied = this.get('applied');
    const commit = this.get('commit');
    const durable = this.get('durable');
    return { tip: this.get('tip'), durable, commit, applied, term: this.get('term') };
  }

  /** Resolves to true when `applied` has reached `txId`, to false after `timeoutMs`. For threads other than the writer's. */
  async waitForApplied(txId: number, timeoutMs: number, monotonicMs: () => number): Promise<boolean> {
    const deadline = monotonicMs() + timeoutMs;
    for (;;) {
      const seen = Atomics.load(this.#slots, slot.applied);
      if (Number(seen) >= txId) {
        return true;
      }
      const remainingMs = deadline - monotonicMs();
      if (remainingMs <= 0) {
        return false;
      }
      const wait = Atomics.waitAsync(this.#slots, slot.applied, seen, remainingMs);
      if (wait.async) {
        await wait.value;
      }
    }
  }
}
