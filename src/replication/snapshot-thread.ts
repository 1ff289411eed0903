/** Entry of a thread that receives one snapshot. */

import { parentPort, workerData } from 'node:worker_threads';
import { Client, type ServiceError } from '@grpc/grpc-js';
import { asQuorateError, assertInvariant } from '../errors/interface.ts';
import { bearer, upstreamChannel } from './grpc-channel.ts';
import { errorFromGrpc } from './grpc-errors.ts';
import { maxWaitingMessages, type SnapshotCall, type SnapshotNews } from './snapshot-news.ts';

/** Bytes that gRPC leaves before a message in the memory that it makes for it. */
const frameHeadBytes = 5;

assertInvariant(parentPort !== null, 'this file runs in a worker thread');
const port = parentPort;
const { host, port: serverPort, security, path, request, token } = workerData as SnapshotCall;
let waiting = 0;
let goOn = () => {};
port.on('message', () => {
  waiting -= 1;
  goOn();
});

/** The memory of a large message moves to the other thread; small ones share theirs, and are copied. */
function post(message: Buffer): void {
  const isAlone = message.buffer.byteLength === message.length + frameHeadBytes;
  const bytes = isAlone ? message : Uint8Array.from(message);
  port.postMessage({ bytes } satisfies SnapshotNews, [bytes.buffer as ArrayBuffer]);
}

async function receive(): Promise<void> {
  const same = (bytes: Buffer) => bytes;
  const client = new Client(...upstreamChannel({ host, port: serverPort }, security));
  try {
    const call = client.makeServerStreamRequest(path, same, same, Buffer.from(request), bearer(token));
    for await (const message of call as AsyncIterable<Buffer>) {
      post(message);
      waiting += 1;
      if (waiting >= maxWaitingMessages) {
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
      }
    }
  } catch (error) {
    throw errorFromGrpc(error as ServiceError);
  } finally {
    client.close();
  }
}

const end: SnapshotNews = await receive().then(
  () => ({ end: true }),
  (error: unknown) => ({ error: asQuorateError(error).serialize() }),
);
port.postMessage(end);
port.close();
