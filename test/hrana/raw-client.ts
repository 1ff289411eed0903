import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { HranaServer } from '../hrana-server.ts';

/** What a server answers; tests look into it without ceremony. */
// biome-ignore lint/suspicious/noExplicitAny: answers are JSON of many shapes, and every test says which it expects.
export type Json = any;

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: Json;
}

/** Sends what a test says, over HTTP. */
export class RawHttp {
  readonly #hrana: HranaServer;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(hrana: HranaServer, headers: Readonly<Record<string, string>> = {}) {
    this.#hrana = hrana;
    this.#headers = { authorization: `Bearer ${hrana.token}`, ...headers };
  }

  async send(method: string, path: string, body?: string | object): Promise<HttpAnswer> {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    const init = { method, headers: this.#headers, ...(text !== undefined && { body: text }) };
    const response = await fetch(`${this.#hrana.server.httpUrl}${path}`, init);
    const answer = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json');
    return {
      status: response.status,
      headers: response.headers,
      text: answer,
      body: isJson ? JSON.parse(answer) : undefined,
    };
  }

  async pipeline(requests: readonly object[], baton: string | null = null, path = '/v3/pipeline'): Promise<Json> {
    const { status, body, text } = await this.send('POST', path, { baton, requests });
    assert.equal(status, 200, text);
    return body;
  }

  /** The result of one statement. */
  async execute(sql: string, args: readonly object[] = []): Promise<Json> {
    const { results } = await this.pipeline([execute(sql, args), { type: 'close' }]);
    assert.equal(results[0].type, 'ok', JSON.stringify(results[0]));
    return results[0].response.result;
  }
}

export function execute(sql: string, args: readonly object[] = []): object {
  return { type: 'execute', stmt: { sql, args } };
}

export function batch(...steps: readonly [sql: string, condition?: object][]): object {
  const list = steps.map(([sql, condition]) => ({ stmt: { sql }, condition: condition ?? null }));
  return { type: 'batch', batch: { steps: list } };
}

/** One WebSocket; answers are awaited in the order of the test. */
export class RawSocket {
  readonly #socket: WebSocket;
  readonly #received: Json[] = [];
  #wake: () => void = () => {};
  #closed: { readonly code: number; readonly reason: string } | undefined;
  #nextId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer) => {
      this.#received.push(JSON.parse(data.toString()));
      this.#wake();
    });
    socket.on('close', (code, reason) => {
      this.#closed = { code, reason: reason.toString() };
      this.#wake();
    });
    socket.on('error', () => {});
  }

  static async open(
    url: string,
    subprotocols: readonly string[] = ['hrana3'],
    headers: Readonly<Record<string, string>> = {},
  ): Promise<RawSocket> {
    const socket = new RawSocket(new WebSocket(url, [...subprotocols], { headers }));
    await once(socket.#socket, 'open');
    return socket;
  }

  /** With a hello that was accepted, and stream 0. */
  static async ready(
    hrana: HranaServer,
    database = 'defaultdb',
    headers?: Readonly<Record<string, string>>,
  ): Promise<RawSocket> {
    const socket = await RawSocket.open(hrana.url('ws', database), undefined, headers);
    socket.sendText(JSON.stringify({ type: 'hello', jwt: hrana.token }));
    assert.equal((await socket.next()).type, 'hello_ok');
    await socket.ask({ type: 'open_stream', stream_id: 0 });
    return socket;
  }

  get protocol(): string {
    return this.#socket.protocol;
  }

  sendText(text: string): void {
    this.#socket.send(text);
  }

  sendBinary(content: Uint8Array): void {
    this.#socket.send(content);
  }

  send(request: object): number {
    const id = this.#nextId;
    this.#nextId += 1;
    this.sendText(JSON.stringify({ type: 'request', request_id: id, request }));
    return id;
  }

  /** Sends several requests so that they arrive together. */
  sendTogether(requests: readonly object[]): number[] {
    const { _socket: socket } = this.#socket as unknown as { readonly _socket: Socket };
    socket.cork();
    const ids = requests.map((request) => this.send(request));
    socket.uncork();
    return ids;
  }

  /** Leaves what arrives to the buffers of the operating system. */
  stopReading(): void {
    this.#socket.pause();
  }

  /** The next message, whatever it is. */
  async next(): Promise<Json> {
    while (this.#received.length === 0) {
      assert.equal(this.#closed, undefined, `closed: ${JSON.stringify(this.#closed)}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#received.shift();
  }

  /** Sends a request and gives its answer, which must be the next one. */
  async ask(request: object): Promise<Json> {
    const id = this.send(request);
    const answer = await this.next();
    assert.equal(answer.request_id, id);
    return answer.type === 'response_ok' ? answer.response : answer;
  }

  /** How the server closes the connection. */
  async closed(): Promise<{ readonly code: number; readonly reason: string }> {
    while (this.#closed === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#closed;
  }

  close(): void {
    this.#socket.terminate();
  }
}
