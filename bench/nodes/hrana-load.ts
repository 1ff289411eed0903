/** One client process of raw load: sends requests as fast as they are answered, and prints how many there were. */
import { Agent, request } from 'node:http';
import process from 'node:process';
import { WebSocket } from 'ws';

/** What one process does. */
export interface LoadOrder {
  readonly transport: 'http' | 'ws';
  /** `host:port/database`. */
  readonly target: string;
  readonly token: string;
  readonly sql: string;
  /** Requests that wait for their answers at once. */
  readonly inFlight: number;
  readonly seconds: number;
}

const order = JSON.parse(process.argv[2] ?? '') as LoadOrder;
const { target, token, sql, inFlight, seconds } = order;
let answered = 0;

function statement(): unknown {
  return { sql, args: [{ type: 'integer', value: String(1 + (answered % 10_000)) }], want_rows: true };
}

/** Sends one request after the other until the time is over. */
async function overHttp(endMs: number, agent: Agent): Promise<void> {
  while (performance.now() < endMs) {
    await post(agent, JSON.stringify({ requests: [{ type: 'execute', stmt: statement() }, { type: 'close' }] }));
    answered += 1;
  }
}

function post(agent: Agent, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-length': Buffer.byteLength(body) };
    const url = `http://${target}/v2/pipeline`;
    const call = request(url, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => (text.includes('"type":"error"') ? reject(new Error(text)) : resolve()));
    });
    call.on('error', reject);
    call.end(body);
  });
}

/** One stream for each of those that are in flight, all on one connection. */
function overSocket(endMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`ws://${target}`, 'hrana3');
    let open = inFlight;
    const send = (streamId: number) => {
      const request = { type: 'execute', stream_id: streamId, stmt: statement() };
      socket.send(JSON.stringify({ type: 'request', request_id: streamId, request }));
    };
    socket.on('error', reject);
    socket.on('open', () => {
      socket.send(JSON.stringify({ type: 'hello', jwt: token }));
      for (let id = 0; id < inFlight; id += 1) {
        const request = { type: 'open_stream', stream_id: id };
        socket.send(JSON.stringify({ type: 'request', request_id: inFlight + id, request }));
        send(id);
      }
    });
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as { type: string; request_id: number };
      if (message.type === 'response_error' || message.type === 'hello_error') {
        reject(new Error(data.toString()));
      } else if (message.type === 'response_ok' && message.request_id < inFlight) {
        answered += 1;
        if (performance.now() < endMs) {
          send(message.request_id);
        } else {
          open -= 1;
          if (open === 0) {
            socket.close();
            resolve();
          }
        }
      }
    });
  });
}

const endMs = performance.now() + seconds * 1000;
if (order.transport === 'ws') {
  await overSocket(endMs);
} else {
  const agent = new Agent({ keepAlive: true });
  await Promise.all(Array.from({ length: inFlight }, () => overHttp(endMs, agent)));
  agent.destroy();
}
process.stdout.write(`${answered}\n`);
