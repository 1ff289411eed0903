import { WriterClient } from '../../src/database/writer-client.ts';
import { WriterCore } from '../../src/database/writer-core.ts';
import type { WriterLink, WriterStarter } from '../../src/database/writer-link.ts';
import type { WriterPort, WriterReply, WriterStart, WriterToHost } from '../../src/database/writer-messages.ts';
import { asQuorateError, QuorateError, type SerializedError } from '../../src/errors/interface.ts';
import type { Runtime } from '../../src/runtime/interface.ts';
import type { Chance } from './chance.ts';
import type { Owner, SimulatedTime } from './simulated-time.ts';

/** Milliseconds that a message between two threads may take. */
const hopMs = 0.4;

export interface InlineWriterOptions {
  readonly time: SimulatedTime;
  readonly chance: Chance;
  /** The thread of the node. */
  readonly host: Owner;
  /** The thread of the writer, which may stop before the node does. */
  readonly thread: Owner;
  /** What the writer itself is built on. */
  readonly runtime: Runtime;
  /** A defect: the writer threw where a thread would have died. */
  readonly onDefect: (error: unknown) => void;
}

/** One direction of a channel between threads: copies what it carries, keeps its order, and takes its time. */
class Hop {
  readonly #options: InlineWriterOptions;
  readonly #sender: Owner;
  readonly #receiver: Owner;
  readonly #receive: (message: unknown) => void;
  #lastAtMs = 0;

  constructor(options: InlineWriterOptions, from: Owner, to: Owner, receive: (message: unknown) => void) {
    this.#options = options;
    this.#sender = from;
    this.#receiver = to;
    this.#receive = receive;
  }

  post(message: unknown, transfer: Parameters<WriterPort['post']>[1] = []): void {
    const { time, chance, onDefect } = this.#options;
    if (!this.#sender.alive) {
      return;
    }
    const copy: unknown = structuredClone(message, { transfer: [...transfer] as Transferable[] });
    this.#lastAtMs = Math.max(this.#lastAtMs, time.nowMs + chance.between(0, hopMs));
    time.after(this.#lastAtMs - time.nowMs, this.#receiver, () => {
      try {
        this.#receive(copy);
      } catch (error) {
        onDefect(error);
      }
    });
  }
}

type Transferable = NonNullable<NonNullable<Parameters<typeof structuredClone>[1]>['transfer']>[number];

interface HostMessage extends WriterToHost {
  readonly opened?: true;
  readonly refused?: SerializedError;
}

/** A writer without a thread: what would be messages between threads are events of the simulation. */
export class InlineWriter {
  readonly #options: InlineWriterOptions;
  #deliver: (message: unknown) => void = () => {};

  constructor(options: InlineWriterOptions) {
    this.#options = options;
  }

  readonly start: WriterStarter = async (start, _logger, onEvent) => {
    const opened = Promise.withResolvers<void>();
    const { host, thread } = this.#options;
    const toWriter = new Hop(this.#options, host, thread, (message) => this.#deliver(message));
    const client = new WriterClient(portOver(toWriter), start.limits, start.name);
    const toHost = new Hop(this.#options, thread, host, (message) => {
      const { events = [], replies = [], opened: isOpen, refused } = message as HostMessage;
      for (const event of events) {
        onEvent(event);
      }
      client.receive(replies as WriterReply[]);
      if (isOpen) {
        opened.resolve();
      }
      if (refused !== undefined) {
        opened.reject(QuorateError.deserialize(refused));
      }
    });
    this.#boot(structuredClone(start), toHost);
    await opened.promise;
    return this.#link(client);
  };

  /** The thread begins: opens the database and says how that went. */
  #boot(start: WriterStart, toHost: Hop): void {
    const { time, chance, thread, runtime, onDefect } = this.#options;
    const schedule = (work: () => void) => {
      time.after(chance.between(0, hopMs), thread, () => {
        try {
          work();
        } catch (error) {
          onDefect(error);
        }
      });
    };
    const host = { ...portOver(toHost), onMessage: (listener: (message: unknown) => void) => this.#listen(listener) };
    time.after(chance.between(0, 5), thread, () => {
      try {
        new WriterCore(runtime, start, host, schedule).open();
        toHost.post({ opened: true });
      } catch (error) {
        toHost.post({ refused: asQuorateError(error).serialize() });
      }
    });
  }

  #listen(listener: (message: unknown) => void): void {
    this.#deliver = listener;
  }

  #link(client: WriterClient): WriterLink {
    return {
      client,
      connect: () => Promise.reject(new QuorateError('NOT_IMPLEMENTED', 'a simulated writer has one channel')),
      stop: () => client.request((id) => ['close', id]),
    };
  }

  /** Lets go of the files of a writer that has stopped for ever. Nothing it still does counts. */
  abandon(): void {
    try {
      this.#deliver([['close', 0]]);
    } catch {
      // Its log is gone with its life; only SQLite had to be closed, and that comes first.
    }
  }
}

function portOver(hop: Hop): WriterPort {
  return {
    post: (message, transfer) => hop.post(message, transfer),
    onMessage: () => {},
    onClose: () => {},
    close: () => {},
  };
}
