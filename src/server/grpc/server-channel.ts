import type { ServerDuplexStream } from '@grpc/grpc-js';
import { asQuorateError, assertInvariant, type QuorateError } from '../../errors/interface.ts';
import type { ChannelListener, MessageChannel } from '../../replication/interface.ts';
import type { Identity } from '../auth/authenticator.ts';
import type { Permission } from '../auth/permissions.ts';
import { authenticate, failure, type RpcContext } from './rpc.ts';
import { MalformedRequest } from './served-calls.ts';

/** The server's end of a bidirectional stream. @typeParam Wire what goes over the wire for one message */
export class ServerChannel<Out, Wire> implements MessageChannel<Out> {
  readonly #context: RpcContext;
  readonly #call: ServerDuplexStream<unknown, Wire>;
  readonly #wrap: (message: Out) => Wire;
  #ended = false;
  #identity: Identity | undefined;
  #unwatch = () => {};

  constructor(context: RpcContext, call: ServerDuplexStream<unknown, Wire>, wrap: (message: Out) => Wire) {
    this.#context = context;
    this.#call = call;
    this.#wrap = wrap;
  }

  /** Learns who the caller is. @throws QuorateError UNAUTHENTICATED, UNAVAILABLE */
  authenticate(): void {
    this.#identity = authenticate(this.#context, this.#call.metadata);
  }

  /** Who has opened the stream. */
  get user(): string | undefined {
    return this.#identity?.user;
  }

  /** Ends the stream when its caller, who must have the permission now, loses it. @throws QuorateError PERMISSION_DENIED */
  require(database: string, permission: Permission): void {
    const identity = this.#identity;
    assertInvariant(identity !== undefined, 'a stream has a caller before it has messages');
    const check = () => identity.require(database, permission);
    check();
    this.#unwatch = this.#context.node.security.streams.add({ check, end: (error) => this.end(error) });
  }

  send(message: Out): boolean {
    return this.#ended || this.#call.write(this.#wrap(message));
  }

  end(error?: QuorateError): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    this.#unwatch();
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

/** Serves a bidirectional stream of a caller with a valid token; `onEnd` of the listener is called once. */
export function serveStream<In, Wire>(
  call: ServerDuplexStream<In, Wire>,
  channel: { authenticate(): void; end(error?: QuorateError): void },
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
  guard(channel, () => channel.authenticate());
  call.on('data', (message: In | MalformedRequest) =>
    guard(channel, () => {
      if (message instanceof MalformedRequest) {
        throw message.error;
      }
      return ended || listener.onMessage(message);
    }),
  );
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
