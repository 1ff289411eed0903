import { once } from 'node:events';
import http2 from 'node:http2';
import net from 'node:net';
import { test } from 'node:test';
import { grpcMethods } from '../grpc-methods.ts';
import type { RandomSource } from '../random-source.ts';
import { fuzz, inTime } from './fuzz-loop.ts';
import { encoded } from './grpc-calls.ts';
import { grpcCorpus } from './grpc-corpus.ts';
import { mutatedBytes, randomBytes } from './mutations.ts';
import { WatchedServer } from './watched-server.ts';

const watched = await WatchedServer.start('--max-message-bytes=1MiB', '--transaction-idle-timeout=300ms');
await watched.create('shop', 'CREATE TABLE t (a)');
const token = await watched.tokenOf('owner', 'admin:shop');
const { port } = watched.server;

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** An empty SETTINGS frame. */
const settings = Buffer.from('000000040000000000', 'hex');

/** Types of frames of HTTP/2, and one that is none. */
const frameTypes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 200] as const;

function randomFrame(random: RandomSource): Buffer {
  const payload = randomBytes(random, random.int(0, 60));
  const head = Buffer.alloc(9);
  head.writeUIntBE(random.chance(0.8) ? payload.length : random.int(0, 2 ** 24 - 1), 0, 3);
  head.writeUInt8(random.pick(frameTypes), 3);
  head.writeUInt8(random.int(0, 255), 4);
  head.writeUInt32BE(random.pick([0, 1, 2, 3, 2 ** 31 - 1]), 5);
  return Buffer.concat([head, payload]);
}

/** Bytes on a connection of their own, which then ends or breaks. */
async function sendGarbage(random: RandomSource): Promise<void> {
  const frames = Array.from({ length: random.int(1, 6) }, () => randomFrame(random));
  const bytes = random.pick([
    randomBytes(random, random.int(1, 300)),
    Buffer.from('GET / HTTP/1.1\r\nhost: x\r\n\r\n'),
    Buffer.concat([preface, randomBytes(random, random.int(1, 300))]),
    Buffer.concat([preface, settings, ...frames]),
    Buffer.concat([preface, settings, ...frames.map((frame) => mutatedBytes(random, frame))]),
    preface.subarray(0, random.int(1, preface.length)),
  ]);
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  await new Promise((sent) => socket.write(bytes, sent));
  if (random.chance(0.5)) {
    socket.resetAndDestroy();
  } else {
    socket.end();
    socket.resume();
  }
  // What says nothing more is only noticed by its silence.
  setTimeout(() => socket.destroy(), 100);
  await inTime('the end of a connection', closed);
}

/** A message as it goes over the wire, with a flag or a length that may be wrong. */
function framed(random: RandomSource, message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(random.pick([0, 0, 0, 1, 2, 255]), 0);
  head.writeUInt32BE(random.pick([message.length, message.length, message.length + 5, 2 ** 21, 2 ** 32 - 1, 0]), 1);
  return Buffer.concat([head, message]).subarray(0, random.chance(0.8) ? undefined : random.int(0, 5 + message.length));
}

function randomHeaders(random: RandomSource, path: string): http2.OutgoingHttpHeaders {
  return {
    ':method': random.pick(['POST', 'POST', 'POST', 'GET', 'PUT']),
    ':path': random.pick([path, path, path, '/', '/quorate.v1.Admin/Nothing', `/${'x'.repeat(2_000)}`]),
    'content-type': random.pick(['application/grpc', 'application/grpc', 'application/grpc+json', 'text/html', '']),
    te: 'trailers',
    authorization: random.pick([`Bearer ${token}`, `Bearer ${token}`, 'Bearer', 'Basic x', 'x'.repeat(5_000)]),
    'grpc-timeout': random.pick(['1S', '99999999H', '0n', '-1S', 'soon']),
    'grpc-encoding': random.pick(['identity', 'gzip', 'deflate', 'unknown']),
    'x-extra-bin': random.pick(['AA==', '!', 'x'.repeat(3_000)]),
  };
}

/** Streams on one connection with frames of gRPC that are cut, too long, too many or compressed by nobody. */
async function sendFrames(random: RandomSource): Promise<void> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  const closed = once(session, 'close');
  const streams = Array.from({ length: random.int(1, 8) }, () => startStream(random, session));
  await Promise.race([Promise.all(streams), closed]);
  if (!session.destroyed) {
    session.destroy();
  }
  await inTime('the end of a session', closed);
}

async function startStream(random: RandomSource, session: http2.ClientHttp2Session): Promise<void> {
  const method = random.pick(grpcMethods);
  const [first = {}] = grpcCorpus[method.path.replace('/quorate.v1.', '')] ?? [];
  const message = encoded(method, { ...first, database: 'shop' }) ?? Buffer.alloc(0);
  const headers = randomHeaders(random, method.path);
  const stream = session.request(headers, { endStream: random.chance(0.05) });
  stream.on('error', () => {});
  stream.resume();
  const ended = new Promise<void>((resolve) => stream.once('close', resolve));
  if (!stream.writableEnded) {
    for (let count = random.int(0, 3); count > 0; count--) {
      stream.write(framed(random, random.chance(0.5) ? message : mutatedBytes(random, message)));
    }
    if (random.chance(0.7)) {
      stream.end();
    } else {
      stream.close(random.pick([http2.constants.NGHTTP2_CANCEL, http2.constants.NGHTTP2_INTERNAL_ERROR]));
    }
  }
  // Some requests wait for what never comes.
  const giveUp = setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), 500);
  await ended;
  clearTimeout(giveUp);
}

test('whatever bytes come to the gRPC port, the server goes on', async () => {
  await watched.checkGrowth(() => fuzz('bytes on the gRPC port', sendGarbage, { atOnce: 8 }));
  await watched.check();
});

test('whatever frames a stream of gRPC has, it is answered or ends', async () => {
  await watched.checkGrowth(() => fuzz('frames of gRPC', sendFrames, { atOnce: 6 }));
  await watched.check();
});
