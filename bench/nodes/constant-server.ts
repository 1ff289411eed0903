/** A server of Hrana that does nothing: it decodes requests, and answers each with the same row. Prints its port. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { WebSocketServer } from 'ws';

interface Request {
  readonly type: string;
}

const result = {
  cols: ['id', 'k', 'n'].map((name) => ({ name, decltype: 'INTEGER' })),
  rows: [
    [
      { type: 'integer', value: '1' },
      { type: 'text', value: 'k1' },
      { type: 'integer', value: '1' },
    ],
  ],
  affected_row_count: 1,
  last_insert_rowid: '1',
  rows_read: 0,
  rows_written: 0,
  query_duration_ms: 0,
};

function respond({ type }: Request): unknown {
  return type === 'execute' ? { type, result } : { type };
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { requests } = JSON.parse(Buffer.concat(chunks).toString()) as { requests: readonly Request[] };
    const results = requests.map((entry) => ({ type: 'ok', response: respond(entry) }));
    const body = JSON.stringify({ baton: null, base_url: null, results });
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
    response.end(body);
  });
});

const sockets = new WebSocketServer({ server, handleProtocols: () => 'hrana2' });
sockets.on('connection', (socket) => {
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as { type: string; request_id: number; request: Request };
    const answer =
      message.type === 'hello'
        ? { type: 'hello_ok' }
        : { type: 'response_ok', request_id: message.request_id, response: respond(message.request) };
    socket.send(JSON.stringify(answer));
  });
});

server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ event: 'ready', port: (server.address() as AddressInfo).port })}\n`);
});
