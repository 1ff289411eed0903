import { asQuorateError } from '../errors/interface.ts';
import { noReply, type WriterPort, type WriterReply, type WriterRequest } from './writer-messages.ts';
import type { WriterOutbox } from './writer-outbox.ts';
import type { WriterTurns } from './writer-pulse.ts';
import type { Call } from './writer-role.ts';

export interface WriterDoorOptions {
  readonly outbox: WriterOutbox;
  readonly turns: WriterTurns;
  /** Takes one request; what it throws is the answer. */
  readonly accept: (call: Call) => void;
  /** Called when all requests of one message were taken. */
  readonly onTaken: () => void;
  /** Called when an answer is ready to be sent. */
  readonly onReply: () => void;
}

/** Where requests to a writer come in, and which way their answers go. */
export class WriterDoor {
  readonly #options: WriterDoorOptions;

  constructor(options: WriterDoorOptions) {
    this.#options = options;
  }

  listen(port: WriterPort): void {
    const { turns, onTaken } = this.#options;
    port.onMessage((message) =>
      turns.run(() => {
        for (const request of message as WriterRequest[]) {
          this.#dispatch(request, port);
        }
        onTaken();
      }),
    );
  }

  #dispatch(request: WriterRequest, port: WriterPort): void {
    const call: Call = {
      request,
      succeed: (value) => this.#reply(port, [request[1], null, value]),
      fail: (error) => this.#reply(port, [request[1], error.serialize()]),
    };
    try {
      this.#options.accept(call);
    } catch (error) {
      call.fail(asQuorateError(error));
    }
  }

  #reply(port: WriterPort, reply: WriterReply): void {
    if (reply[0] !== noReply) {
      this.#options.outbox.reply(port, reply);
      this.#options.onReply();
    }
  }
}
