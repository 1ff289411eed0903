import type { SharedPositions } from './shared-positions.ts';
import type { WriterEvent, WriterPort, WriterReply } from './writer-messages.ts';

interface AppendedRecords {
  readonly records: Uint8Array;
  /** Somebody waits until replicas have them. */
  readonly urgent: boolean;
  readonly positions: SharedPositions;
  /** Bytes on their way to the node's thread. */
  readonly limitBytes: number;
}

/** What a writer sends: answers to its clients, and events to the node; each turn's in one message. */
export class WriterOutbox {
  readonly #host: WriterPort;
  #replies = new Map<WriterPort, WriterReply[]>();
  #events: WriterEvent[] = [];

  /** @param host the node's port, which also takes the events */
  constructor(host: WriterPort) {
    this.#host = host;
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
   * process on their way, and the replica's acknowledgement, a second message for each group. Only when a client waits for
   * acknowledgements (`urgent`) do they go at once, so that the replicas' fsync and this one happen at the same time.
   */
  appended({ records, urgent, positions, limitBytes }: AppendedRecords): void {
    if (positions.add('streamedBytes', records.length) > limitBytes) {
      positions.add('streamedBytes', -records.length);
      return;
    }
    // The `slice` of a Buffer would not copy.
    this.emit(['appended', Uint8Array.prototype.slice.call(records), positions.get('tip')]);
    if (urgent) {
      this.emit(['moved', positions.get('tip'), positions.get('commit')]);
      this.flush();
    }
  }

  /** Answers to other threads go first: somebody waits for them. */
  flush(): void {
    const replies = this.#replies;
    if (replies.size > 0) {
      this.#replies = new Map();
      for (const [port, batch] of replies) {
        if (port !== this.#host) {
          port.post(batch);
        }
      }
    }
    this.#flushToHost(replies.get(this.#host));
  }

  /** One message for all that the node is told, because waking its thread costs more than the message. */
  #flushToHost(replies: readonly WriterReply[] = []): void {
    const events = this.#events;
    if (events.length > 0 || replies.length > 0) {
      this.#events = [];
      const transfer = events.flatMap((event) => (event[0] === 'appended' ? [event[1].buffer as ArrayBuffer] : []));
      this.#host.post({ events, replies }, transfer);
    }
  }
}
