import type { ServerDuplexStream } from '@grpc/grpc-js';
import { asQuorateError, type QuorateError } from '../../errors/interface.ts';
import type { ChannelListener, MessageChannel } from '../../replication/interface.ts';
import { authorize, failure, type RpcContext } from './rpc.ts';

/** The server's end of a bidirectional stream. @typeParam Wire what goes over the wire for one message */
export class ServerChannel<Out, Wire> implements MessageChannel<Out> {
  readonly #context: RpcContext;
  readonly #call: ServerDuplexStream<unknown, Wire>;
  readonly #wrap: (message: Out) => Wire;
  #ended = false;

  constructor(context: RpcContext, call: ServerDuplexStream<unknown, Wire>, wrap: (message: Out) => Wire) {
    this.#context = context;
    this.#call = call;
    this.#wrap = wrap;
  }

  send(message: Out): boolean {
    return this.#ended || this.#call.write(this.#wrap(message));
  }

  end(error?: QuorateError): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    if (error === undefined) {
      this.#call.end();
    } else {
      this.#call.emit('error', failure(this.#context, error));
    }
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }
}

/** Serves a bidirectional stream of an authorized caller; `onEnd` of the listener is called once. */
export function serveStream<In, Wire>(
  context: RpcContext,
  call: ServerDuplexStream<In, Wire>,
  channel: { end(error?: QuorateError): void },
  listener: ChannelListener<In>,
): void {
  let ended = false;
  const end = () => {
    if (!ended) {
      ended = true;
      listener.onEnd(undefined);
      channel.end();
    }
  };
  for (const event of ['end', 'cancelled', 'error', 'close']) {
    call.on(event, end);
  }
  guard(channel, () => authorize(context, call.metadata));
  call.on('data', (message: In) => guard(channel, () => ended || listener.onMessage(message)));
  call.on('drain', () => listener.onDrain());
}

/** What goes wrong with a message ends the stream. */
function guard(channel: { end(error?: QuorateError): void }, action: () => unknown): void {
  try {
    action();
  } catch (error) {
    channel.end(asQuorateError(error));
  }
}
