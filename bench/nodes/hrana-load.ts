/** One client process of raw load: sends requests as fast as they are answered, and prints how many there were. */
import { Agent, request } from 'node:http';
import process from 'node:process';
import { WebSocket } from 'ws';
import { insertItem, itemValues, scatter, selectItem } from './item-table.ts';

/** What one process does. */
export interface LoadOrder {
  /** Hrana over HTTP or WebSocket, or the HTTP interface of rqlite. */
  readonly transport: 'http' | 'ws' | 'rqlite';
  /** `host:port/database`; of rqlite without a database. */
  readonly target: string;
  readonly token: string;
  /** Reads rows by their ids, which begin with 1, or inserts some. */
  readonly kind: 'reads' | 'writes';
  /** Rows that there are. */
  readonly rowCount: number;
  /** Requests that wait for their answers at once. */
  readonly inFlight: number;
  readonly seconds: number;
}

const order = JSON.parse(process.argv[2] ?? '') as LoadOrder;
const { transport, target, token, kind, rowCount, inFlight, seconds } = order;
let answered = 0;

type Statement = readonly [sql: string, ...values: (string | number)[]];

function nextStatement(): Statement {
  return kind === 'reads' ? [selectItem, 1 + (scatter(answered) % rowCount)] : [insertItem, ...itemValues(answered)];
}

/** The statement in the form of Hrana. */
function statement(): unknown {
  const [sql, ...values] = nextStatement();
  const args = values.map((value) =>
    typeof value === 'number' ? { type: 'integer', value: String(value) } : { type: 'text', value },
  );
  return { sql, args, want_rows: true };
}

function httpRequest(): [url: string, body: unknown] {
  if (transport === 'rqlite') {
    return [`http://${target}/db/${kind === 'reads' ? 'query' : 'execute'}`, [nextStatement()]];
  }
  return [`http://${target}/v2/pipeline`, { requests: [{ type: 'execute', stmt: statement() }, { type: 'close' }] }];
}

/** Sends one request after the other until the time is over. */
async function overHttp(endMs: number, agent: Agent): Promise<void> {
  while (performance.now() < endMs) {
    const [url, body] = httpRequest();
    if (await post(agent, url, JSON.stringify(body))) {
      answered += 1;
    }
  }
}

/** False for a write that was refused because others were at it: it does not count. */
function post(agent: Agent, url: string, body: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const authorization = token === '' ? undefined : { authorization: `Bearer ${token}` };
    const call = request(url, { method: 'POST', agent, headers: { ...headers, ...authorization } }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => {
        const isBusy = text.includes('"SQLITE_BUSY"');
        if (text.includes('"error"') && !isBusy) {
          reject(new Error(text));
        } else {
          resolve(!isBusy);
        }
      });
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
if (transport === 'ws') {
  await overSocket(endMs);
} else {
  const agent = new Agent({ keepAlive: true });
  await Promise.all(Array.from({ length: inFlight }, () => overHttp(endMs, agent)));
  agent.destroy();
}
process.stdout.write(`${answered}\n`);
