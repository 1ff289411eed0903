import type { WriterEvent, WriterPort, WriterReply } from './writer-messages.ts';

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
