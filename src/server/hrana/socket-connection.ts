import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { QuorateError } from '../../errors/interface.ts';
import type { Timer } from '../../runtime/interface.ts';
import { inSpan, type TraceHeaders } from '../../tracing/interface.ts';
import type { Identity } from '../auth/authenticator.ts';
import { noteFailure } from '../grpc/rpc.ts';
import type { HranaContext } from './hrana-context.ts';
import { hranaSpan } from './hrana-span.ts';
import { parseJson } from './http-messages.ts';
import type { JsonObject } from './json-fields.ts';
import { SocketStreams } from './socket-streams.ts';
import type { SqlStore } from './sql-store.ts';
import { wireError } from './wire-error.ts';
import type { ConnectionRequest } from './wire-types.ts';

/** https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
const closeCodes = { unsupportedData: 1003, badText: 1007, policy: 1008 } as const;

/** Milliseconds between two pings; a client that has not answered the last one is gone. */
const pingIntervalMs = 30_000;

/** Milliseconds after which a token is looked at again: it may have expired or been revoked. */
const recheckIntervalMs = 5_000;

/** Milliseconds in which a client has to say who it is: until then it takes the place of another. */
const helloTimeoutMs = 10_000;

/** Milliseconds that a client may take to answer the closing of its connection. */
const closeGraceMs = 1_000;

/** Answers of the longest kind that may wait for a client that does not read. */
const maxUnreadAnswers = 4;

interface Socket {
  readonly client: WebSocket;
  /** What `client` writes to. */
  readonly socket: Duplex;
  /** Database of all its streams. */
  readonly database: string;
  /** That all requests belong to; each is a trace of its own when the client has sent none. */
  readonly trace: TraceHeaders;
}

export interface ConnectionUsage {
  readonly streams: number;
  readonly cursors: number;
  readonly stored: SqlStore['usage'];
  /** Requests that wait for their answers. */
  readonly requests: number;
  /** Bytes of answers that the client has not read. */
  readonly unreadBytes: number;
}

/** One WebSocket of a client. Streams are independent of each other; the requests of one stream run in their order. */
export class SocketConnection {
  readonly #context: HranaContext;
  readonly #client: WebSocket;
  readonly #socket: Duplex;
  readonly #database: string;
  readonly #trace: TraceHeaders;
  readonly #streams: SocketStreams;
  #token: string | undefined;
  #identity: Identity | undefined;
  #checkedAtMs = 0;
  #running = 0;
  #unsent: string[] = [];
  #pingTimer: Timer;
  readonly #helloTimer: Timer;
  #isAlive = true;

  constructor(context: HranaContext, { client, socket, database, trace }: Socket) {
    this.#context = context;
    this.#client = client;
    this.#socket = socket;
    this.#database = database;
    this.#trace = trace;
    this.#streams = new SocketStreams(context, database);
    client.on('message', (data, isBinary) => this.#receive(data, isBinary));
    client.on('pong', () => {
      this.#isAlive = true;
    });
    client.on('error', () => client.terminate());
    client.once('close', () => this.#onClose());
    this.#pingTimer = this.#pingLater();
    this.#helloTimer = context.node.runtime.timers.after(helloTimeoutMs, () =>
      client.close(closeCodes.policy, 'no hello came'),
    );
  }

  /** What of this connection is bounded. */
  get usage(): ConnectionUsage {
    const { size: streams, cursorCount: cursors, stored } = this.#streams;
    return { streams, cursors, stored, requests: this.#running, unreadBytes: this.#client.bufferedAmount };
  }

  /** Closes the connection and rolls back what is open on it. */
  async close(code: number, reason: string): Promise<void> {
    this.#client.close(code, reason);
    this.#context.node.runtime.timers.after(closeGraceMs, () => this.#client.terminate());
    await this.#streams.closeAll();
  }

  #pingLater(): Timer {
    return this.#context.node.runtime.timers.after(pingIntervalMs, () => {
      if (!this.#isAlive) {
        this.#client.terminate();
        return;
      }
      this.#isAlive = false;
      this.#client.ping();
      this.#pingTimer = this.#pingLater();
    });
  }

  #onClose(): void {
    this.#pingTimer.cancel();
    this.#helloTimer.cancel();
    this.#streams.closeAll().catch(() => {});
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (isBinary) {
      this.#client.close(closeCodes.unsupportedData, 'only text is understood');
      return;
    }
    this.#handleText(data.toString());
  }

  #handleText(text: string): void {
    if (this.#client.readyState !== this.#client.OPEN) {
      return;
    }
    let json: unknown;
    try {
      json = parseJson(text, 'the message');
    } catch {
      this.#client.close(closeCodes.badText, 'the message is not JSON');
      return;
    }
    try {
      this.#handle(json);
    } catch (error) {
      this.#refuse(json, noteFailure(this.#context, error));
    }
  }

  /** A request with too much in it is answered; what is no request ends the connection. */
  #refuse(json: unknown, error: QuorateError): void {
    if (error.code === 'MESSAGE_TOO_LARGE' && this.#identity !== undefined) {
      // Only a request with a number can be too large.
      const { request_id: requestId } = json as JsonObject;
      this.#sendError(requestId as number, JSON.stringify(wireError(error)));
    } else {
      this.#client.close(closeCodes.policy, error.message.slice(0, 100));
    }
  }

  /** @throws QuorateError PROTOCOL_ERROR, MESSAGE_TOO_LARGE */
  #handle(json: unknown): void {
    const message = this.#context.decoder.clientMessage(json);
    if (message.type === 'hello') {
      this.#greet(message.token);
      return;
    }
    if (this.#identity === undefined) {
      throw new QuorateError('PROTOCOL_ERROR', 'the first message must be hello');
    }
    this.#begin();
    const { requestId, request } = message;
    const respond = () =>
      this.#answer(request).then(
        (response) => this.#send(`{"type":"response_ok","request_id":${requestId},"response":${response}}`),
        (error: unknown) => this.#sendError(requestId, this.#encode(error)),
      );
    const name = spanName(request);
    const responded =
      name === undefined ? respond() : inSpan(() => hranaSpan(name, this.#database, this.#trace), respond);
    void responded.finally(() => this.#end());
  }

  #sendError(requestId: number, encoded: string): void {
    this.#send(`{"type":"response_error","request_id":${requestId},"error":${encoded}}`);
  }

  /** Takes its turn before the next message is looked at, which may be meant for what this one opens. */
  async #answer(request: ConnectionRequest): Promise<string> {
    if (this.#context.node.runtime.clock.monotonicMs() - this.#checkedAtMs > recheckIntervalMs) {
      this.#authenticate();
    }
    return await this.#streams.run(request, this.#identity as Identity);
  }

  /** @throws QuorateError UNAUTHENTICATED, UNAVAILABLE */
  #authenticate(): void {
    const header = this.#token === undefined ? undefined : `Bearer ${this.#token}`;
    this.#identity = this.#context.node.authenticator.authenticate(header);
    this.#checkedAtMs = this.#context.node.runtime.clock.monotonicMs();
  }

  #greet(token: string | undefined): void {
    this.#token = token;
    try {
      this.#authenticate();
      this.#helloTimer.cancel();
      this.#send('{"type":"hello_ok"}');
    } catch (error) {
      this.#identity = undefined;
      this.#send(`{"type":"hello_error","error":${this.#encode(error)}}`);
      this.#flush();
      this.#client.close(closeCodes.policy, 'the hello was refused');
    }
  }

  #encode(error: unknown): string {
    return JSON.stringify(wireError(noteFailure(this.#context, error)));
  }

  /** Nothing more is read while too many requests run. */
  #begin(): void {
    this.#running += 1;
    if (this.#running === this.#context.limits.hranaMaxConnectionRequests) {
      this.#client.pause();
    }
  }

  #end(): void {
    this.#running -= 1;
    if (this.#client.isPaused && this.#running * 2 <= this.#context.limits.hranaMaxConnectionRequests) {
      this.#client.resume();
    }
  }

  /** Answers of the same turn leave in one write. */
  #send(text: string): void {
    this.#unsent.push(text);
    if (this.#unsent.length === 1) {
      queueMicrotask(() => this.#flush());
    }
  }

  #flush(): void {
    if (this.#unsent.length === 0) {
      return;
    }
    const texts = this.#unsent;
    this.#unsent = [];
    this.#socket.cork();
    for (const text of texts) {
      this.#client.send(text, onSent);
    }
    this.#socket.uncork();
    if (this.#client.bufferedAmount > maxUnreadAnswers * this.#context.limits.hranaMaxResponseBytes) {
      this.#client.terminate();
    }
  }
}

/** What runs SQL is a span. */
function spanName(request: ConnectionRequest): string | undefined {
  switch (request.type) {
    case 'stream':
      return request.request.type;
    case 'fetch_cursor':
      return request.type;
    default:
      return undefined;
  }
}

/** A connection that breaks closes by itself. */
function onSent(): void {}
