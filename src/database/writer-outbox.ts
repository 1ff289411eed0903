import { isDeepStrictEqual } from 'node:util';
import type { Timer, Timers } from '../runtime/interface.ts';
import { type AckWish, noGoal } from './acks.ts';
import type { SharedPositions } from './shared-positions.ts';
import type { RecordTrace } from './write-trace.ts';
import type { WriterEvent, WriterPort, WriterReply } from './writer-messages.ts';

/** How long the news that positions moved waits for something that it can travel with, in milliseconds. */
const companyMs = 1;

export interface WriterOutboxOptions {
  /** The node's port, which also takes the events. */
  readonly host: WriterPort;
  readonly positions: SharedPositions;
  readonly timers: Timers;
  /** Most bytes of records on their way to the node's thread. */
  readonly streamLimitBytes: number;
}

/**
 * What a writer sends: answers to its clients, and events to the node. To wake another thread costs more than a message
 * does, so what one turn has to say travels in one message, and what nobody waits for travels with something else.
 */
export class WriterOutbox {
  readonly #options: WriterOutboxOptions;
  #replies = new Map<WriterPort, WriterReply[]>();
  #events: WriterEvent[] = [];
  /** Positions that the node was told of last. */
  #told: readonly number[] = [];
  #company: Timer | undefined;
  #wish: AckWish | undefined;
  /** Whether the node wants records as they are appended. */
  streaming = false;

  constructor(options: WriterOutboxOptions) {
    this.#options = options;
  }

  reply(port: WriterPort, reply: WriterReply): void {
    const replies = this.#replies.get(port);
    if (replies === undefined) {
      this.#replies.set(port, [reply]);
    } else {
      replies.push(reply);
    }
  }

  emit(event: WriterEvent): void {
    this.#events.push(event);
  }

  /**
   * Hands appended records to the node's thread, copied, because the writer uses its buffer again. When that thread has
   * not taken enough of the earlier ones they are left out: whoever needs them reads them from the log.
   *
   * They travel together with the news that they are committed. Sent before the fsync, they would cost every thread and
   * process on their way, and the replica's acknowledgement, a second message for each group. Only when clients wait for
   * acknowledgements (`wish`) do they go at once, so that the replicas' fsync and this one happen at the same time.
   */
  appended(records: Uint8Array, wish?: AckWish, traces?: readonly RecordTrace[]): void {
    const { positions, streamLimitBytes } = this.#options;
    if (!this.streaming) {
      return;
    }
    if (positions.add('streamedBytes', records.length) > streamLimitBytes) {
      positions.add('streamedBytes', -records.length);
    } else {
      // The `slice` of a Buffer would not copy.
      const copy = Uint8Array.prototype.slice.call(records);
      const lastTxId = positions.get('tip');
      this.emit(traces === undefined ? ['appended', copy, lastTxId] : ['appended', copy, lastTxId, traces]);
    }
    if (wish !== undefined) {
      this.wantAcks(wish);
      this.flush();
    }
  }

  /** Tells what acknowledgements are waited for; `again` also when the node was told already. */
  wantAcks(wish: AckWish, again = false): void {
    if (again || !isDeepStrictEqual(wish, this.#wish)) {
      this.#wish = wish;
      this.emit(['acks-wanted', wish]);
    }
  }

  /** The transaction that waits for replicas to hold it, if one does. */
  get heldTxId(): number | undefined {
    const { count, txId } = this.#wish?.durable ?? noGoal;
    return count > 0 && this.#options.positions.get('commit') < txId ? txId : undefined;
  }

  /** What an earlier role waited for is not waited for any more. */
  expectNoAcks(): void {
    this.wantAcks({ durable: noGoal, applied: noGoal });
    this.emit(['ack-status', 'reached']);
  }

  /** Sends everything. */
  flush(): void {
    const { host, positions } = this.#options;
    const toHost = this.#replies.get(host) ?? [];
    this.#flushToOthers();
    const told = this.#positions();
    if (!this.#isTold(told)) {
      this.#told = told;
      this.emit(['moved', positions.get('tip'), positions.get('commit')]);
    }
    const events = this.#events;
    if (events.length > 0 || toHost.length > 0) {
      this.#events = [];
      const transfer = events.flatMap((event) => (event[0] === 'appended' ? [event[1].buffer as ArrayBuffer] : []));
      host.post({ events, replies: toHost }, transfer);
    }
  }

  /** Sends everything, except that the news of moved positions waits a moment when it is all there is. */
  endTurn(): void {
    if (this.#events.length > 0 || this.#replies.has(this.#options.host)) {
      this.flush();
      return;
    }
    this.#flushToOthers();
    if (this.#company === undefined && !this.#isTold(this.#positions())) {
      this.#company = this.#options.timers.after(companyMs, () => {
        this.#company = undefined;
        this.flush();
      });
    }
  }

  /** Answers to other threads go first: somebody waits for them. */
  #flushToOthers(): void {
    const replies = this.#replies;
    if (replies.size > 0) {
      this.#replies = new Map();
      for (const [port, batch] of replies) {
        if (port !== this.#options.host) {
          port.post(batch);
        }
      }
    }
  }

  /** What the node is told of when it has moved. */
  #positions(): readonly number[] {
    const { positions } = this.#options;
    const { tip, durable, commit, applied } = positions.read();
    return [tip, durable, commit, applied, positions.get('logFirst')];
  }

  #isTold(moved: readonly number[]): boolean {
    return moved.every((position, i) => position === this.#told[i]);
  }

  close(): void {
    this.#company?.cancel();
    this.#company = undefined;
    this.flush();
  }
}
