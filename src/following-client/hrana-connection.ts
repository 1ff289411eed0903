import { WebSocket } from 'ws';
import { QuorateError } from '../errors/interface.ts';
import type { Runtime, Timer } from '../runtime/interface.ts';
import { unreachable } from './http-json.ts';
import { AnswerLost, errorFromWire, type WireError } from './wire-error.ts';

export interface HranaConnectionOptions {
  /** HTTP address of a node. */
  readonly url: string;
  readonly database: string;
  readonly token: string;
  readonly connectTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly ca?: string | undefined;
  readonly runtime: Runtime;
  /** Called once, when it cannot be used any more. */
  readonly onClose: (reason: QuorateError) => void;
}

interface Waiting {
  readonly resolve: (response: never) => void;
  readonly reject: (error: Error) => void;
}

type ServerMessage =
  | { readonly type: 'hello_ok' }
  | { readonly type: 'hello_error'; readonly error: WireError }
  | { readonly type: 'response_ok'; readonly request_id: number; readonly response: never }
  | { readonly type: 'response_error'; readonly request_id: number; readonly error: WireError };

/** One WebSocket to one node, over which Hrana is spoken. It is not opened again when it breaks. */
export class HranaConnection {
  readonly #options: HranaConnectionOptions;
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #greeted = Promise.withResolvers<void>();
  #nextId = 1;
  #closed: QuorateError | undefined;
  #isAlive = true;
  #timer: Timer | undefined;

  private constructor(options: HranaConnectionOptions) {
    this.#options = options;
    const { url, database, ca, connectTimeoutMs } = options;
    const address = `${url.replace(/^http/, 'ws').replace(/\/$/, '')}/${database}`;
    this.#socket = new WebSocket(address, 'hrana3', {
      handshakeTimeout: connectTimeoutMs,
      perMessageDeflate: false,
      ...(ca !== undefined && { ca }),
    });
    this.#socket.on('open', () => this.#send({ type: 'hello', jwt: options.token }));
    this.#socket.on('message', (data) => this.#read(data.toString()));
    this.#socket.on('pong', () => {
      this.#isAlive = true;
    });
    this.#socket.on('error', (error) => this.#end(unreachable(url, error)));
    this.#socket.on('close', (_code, reason) =>
      this.#end(unreachable(url, new Error(reason.toString() || 'the connection was closed'))),
    );
  }

  /** @throws QuorateError UNAVAILABLE, UNAUTHENTICATED */
  static async open(options: HranaConnectionOptions): Promise<HranaConnection> {
    const connection = new HranaConnection(options);
    const { connectTimeoutMs, runtime, url } = options;
    connection.#timer = runtime.timers.after(connectTimeoutMs, () =>
      connection.#end(unreachable(url, new Error(`no answer within ${connectTimeoutMs} ms`))),
    );
    await connection.#greeted.promise;
    return connection;
  }

  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  /**
   * Sends a request; answers come in any order.
   * @throws AnswerLost when the connection breaks; QuorateError UNAVAILABLE when it was broken before; what the node answers
   */
  request<Response>(request: object): Promise<Response> {
    if (this.#closed !== undefined) {
      return Promise.reject(this.#closed);
    }
    const id = this.#nextId;
    this.#nextId = (this.#nextId % 0x7fff_ffff) + 1;
    this.#send({ type: 'request', request_id: id, request });
    return new Promise<Response>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (response: never) => void, reject });
    });
  }

  close(): void {
    this.#end(new QuorateError('CANCELLED', 'the client was closed'));
  }

  /** Gives up a node that is not to be waited for any more. */
  abandon(reason: string): void {
    this.#end(unreachable(this.#options.url, new Error(reason)));
  }

  #send(message: object): void {
    this.#socket.send(JSON.stringify(message), () => {});
  }

  #read(text: string): void {
    try {
      this.#receive(JSON.parse(text) as ServerMessage);
    } catch (cause) {
      this.#end(new QuorateError('PROTOCOL_ERROR', 'the node sent what is no message of Hrana', { cause }));
    }
  }

  #receive(message: ServerMessage): void {
    switch (message.type) {
      case 'hello_ok':
        this.#greeted.resolve();
        this.#timer?.cancel();
        this.#pingLater();
        return;
      case 'hello_error':
        this.#end(errorFromWire(message.error));
        return;
      case 'response_ok':
        this.#take(message.request_id)?.resolve(message.response);
        return;
      case 'response_error':
        this.#take(message.request_id)?.reject(errorFromWire(message.error));
        return;
    }
  }

  #take(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    return waiting;
  }

  #pingLater(): void {
    const { runtime, pingIntervalMs, url } = this.#options;
    this.#timer = runtime.timers.after(pingIntervalMs, () => {
      if (!this.#isAlive) {
        this.#end(unreachable(url, new Error(`no sign of life within ${pingIntervalMs} ms`)));
        return;
      }
      this.#isAlive = false;
      this.#socket.ping();
      this.#pingLater();
    });
  }

  #end(reason: QuorateError): void {
    if (this.#closed !== undefined) {
      return;
    }
    this.#closed = reason;
    this.#timer?.cancel();
    this.#greeted.reject(reason);
    this.#greeted.promise.catch(() => {});
    this.#socket.terminate();
    for (const waiting of this.#waiting.values()) {
      waiting.reject(new AnswerLost(reason));
    }
    this.#waiting.clear();
    this.#options.onClose(reason);
  }
}
