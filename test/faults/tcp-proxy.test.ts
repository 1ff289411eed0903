import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { type TestContext, test } from 'node:test';
import { until } from '../until.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** One end of a connection, with what came and how it ended. */
class End {
  readonly socket: net.Socket;
  readonly #chunks: Buffer[] = [];
  receivedBytes = 0;
  ending: 'open' | 'ended' | 'reset' = 'open';

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.#chunks.push(bytes);
      this.receivedBytes += bytes.length;
    });
    socket.on('end', () => {
      this.ending = 'ended';
    });
    socket.on('error', () => {
      this.ending = 'reset';
    });
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.received.toString();
  }
}

/** A server, a proxy before it, and what connects to them. */
class Link {
  readonly proxy: TcpProxy;
  readonly accepted: End[];

  private constructor(proxy: TcpProxy, accepted: End[]) {
    this.proxy = proxy;
    this.accepted = accepted;
  }

  static async open(t: TestContext): Promise<Link> {
    const accepted: End[] = [];
    const server = net.createServer((socket) => accepted.push(new End(socket)));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = await TcpProxy.listen({ targetPort: (server.address() as net.AddressInfo).port });
    t.after(async () => {
      await proxy[Symbol.asyncDispose]();
      for (const { socket } of accepted) {
        socket.destroy();
      }
      server.close();
    });
    return new Link(proxy, accepted);
  }

  connect(t: TestContext): End {
    const end = new End(net.connect(this.proxy.port, '127.0.0.1'));
    t.after(() => end.socket.destroy());
    return end;
  }

  /** Both ends of a connection over which a word has gone. */
  async connection(t: TestContext): Promise<{ client: End; server: End }> {
    const client = this.connect(t);
    client.socket.write('hello ');
    await until('a greeting', () => this.accepted.at(-1)?.text === 'hello ');
    return { client, server: this.accepted.at(-1) as End };
  }
}

test('bytes and ends pass in both directions', async (t) => {
  const link = await Link.open(t);
  const { client, server } = await link.connection(t);
  const body = Buffer.alloc(5 << 20, 'abc');
  server.socket.write(body);
  await until('all bytes', () => client.receivedBytes === body.length);
  assert.ok(client.received.equals(body));
  client.socket.end('bye');
  await until('the end', () => server.ending === 'ended');
  assert.equal(server.text, 'hello bye');
  await until('a connection that is forgotten', () => link.proxy.connections === 0);
});

test('a cut link is silent, and passes all when it is healed', async (t) => {
  const link = await Link.open(t);
  const { client, server } = await link.connection(t);
  const other = await link.connection(t);
  link.proxy.cut();
  client.socket.write('lost?');
  server.socket.write('lost?');
  const late = link.connect(t);
  late.socket.write('late');
  await until('the connection that came during the cut', () => link.accepted.length === 3);
  assert.deepEqual([client.text, server.text], ['', 'hello ']);
  link.proxy.heal();
  await until('what waited', () => client.text === 'lost?' && server.text === 'hello lost?');
  await until('what the late one sent', () => link.accepted[2]?.text === 'late');
  assert.equal(other.server.ending, 'open');
});

test('a block holds one direction only', async (t) => {
  const link = await Link.open(t);
  const { client, server } = await link.connection(t);
  link.proxy.block('toTarget');
  client.socket.write('unheard');
  server.socket.write('heard');
  await until('the other direction', () => client.text === 'heard');
  server.socket.write(' again');
  await until('the other direction once more', () => client.text === 'heard again');
  assert.equal(server.text, 'hello ');
  link.proxy.heal();
  await until('what was blocked', () => server.text === 'hello unheard');
});

test('a sender has to wait when a blocked link is full', async (t) => {
  const link = await Link.open(t);
  const { client, server } = await link.connection(t);
  link.proxy.block('toTarget');
  const body = Buffer.alloc(32 << 20, 'x');
  assert.equal(client.socket.write(body), false);
  link.proxy.set({ isBlocked: false }, 'toClient');
  server.socket.write('still there');
  await until('the other direction', () => client.text === 'still there');
  assert.ok(client.socket.writableLength > 0, 'the proxy has taken all of it');
  link.proxy.heal();
  await until('all bytes', () => server.receivedBytes === body.length + 6);
});

test('delay, jitter and a limited speed take their time and keep the order', async (t) => {
  const link = await Link.open(t);
  const { client, server } = await link.connection(t);
  link.proxy.set({ delayMs: 60, jitterMs: 40 }, 'toTarget');
  let start = performance.now();
  client.socket.write('a');
  await until('a delayed byte', () => server.text === 'hello a');
  assert.ok(performance.now() - start >= 59, 'it came early');
  for (let i = 0; i < 50; i += 1) {
    client.socket.write(`${i},`);
  }
  const numbers = Array.from({ length: 50 }, (_, i) => `${i},`).join('');
  await until('all in their order', () => server.text === `hello a${numbers}`);
  link.proxy.heal();
  link.proxy.set({ bytesPerSecond: 100_000 }, 'toClient');
  start = performance.now();
  server.socket.write(Buffer.alloc(20_000));
  await until('all bytes of a slow link', () => client.receivedBytes === 20_000);
  assert.ok(performance.now() - start >= 195, 'it came fast');
});

test('a reset reaches both sides', async (t) => {
  const link = await Link.open(t);
  const { client, server } = await link.connection(t);
  link.proxy.reset();
  await until('two resets', () => client.ending === 'reset' && server.ending === 'reset');
});

test('a reset of one side is passed on to the other', async (t) => {
  const link = await Link.open(t);
  const { client, server } = await link.connection(t);
  server.socket.resetAndDestroy();
  await until('the reset', () => client.ending === 'reset');
});

test('a reset does not pass a cut link', async (t) => {
  const link = await Link.open(t);
  const { client, server } = await link.connection(t);
  link.proxy.cut();
  server.socket.resetAndDestroy();
  link.connect(t);
  await until('a connection after the reset', () => link.accepted.length === 2);
  assert.equal(client.ending, 'open');
  link.proxy.heal();
  await until('the reset', () => client.ending === 'reset');
});

test('of a half-open connection one side learns nothing', async (t) => {
  const link = await Link.open(t);
  const { client, server } = await link.connection(t);
  link.proxy.halfOpen('target');
  await until('the reset of one side', () => server.ending === 'reset');
  client.socket.write('into the void');
  const { client: next } = await link.connection(t);
  assert.equal(next.ending, 'open');
  assert.equal(client.ending, 'open');
});

test('a link that refuses resets new connections only', async (t) => {
  const link = await Link.open(t);
  const { client, server } = await link.connection(t);
  link.proxy.refuse();
  const refused = link.connect(t);
  await until('the refusal', () => refused.ending === 'reset');
  client.socket.write('still');
  await until('the old connection', () => server.text === 'hello still');
  link.proxy.heal();
  await link.connection(t);
});
