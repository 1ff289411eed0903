import { on } from 'node:events';
import { Worker } from 'node:worker_threads';
import { QuorateError } from '../errors/interface.ts';
import { decodeSnapshotMessage, type ExportSnapshotResponse } from '../proto/interface.ts';
import type { SnapshotCall, SnapshotNews } from './snapshot-news.ts';

const entry = new URL(
  import.meta.url.endsWith('.ts') ? './snapshot-thread.ts' : './snapshot-thread.js',
  import.meta.url,
);

/**
 * Receives a snapshot on a thread of its own. What HTTP/2 and gRPC do for each byte would keep the network thread of a node
 * busy; and they make so much garbage that a thread collects it all the time, which is cheap only where nothing else is in memory.
 *
 * @throws QuorateError UNAVAILABLE, UNAUTHENTICATED, CANCELLED …
 */
export async function* receiveSnapshot(
  call: SnapshotCall,
  signal: AbortSignal,
): AsyncGenerator<ExportSnapshotResponse> {
  const worker = new Worker(entry, { workerData: call, name: 'quorate snapshot' });
  try {
    // No more messages wait in here than the thread sends before the first of them is taken.
    for await (const [message] of on(worker, 'message', { signal, close: ['exit'] })) {
      const news = message as SnapshotNews;
      if ('error' in news) {
        throw QuorateError.deserialize(news.error);
      }
      if ('end' in news) {
        return;
      }
      const { buffer, byteOffset, length } = news.bytes;
      yield decodeSnapshotMessage(Buffer.from(buffer, byteOffset, length));
      worker.postMessage('taken');
    }
    throw new QuorateError('INTERNAL', 'the thread that receives a snapshot has ended without saying why');
  } catch (error) {
    throw signal.aborted ? new QuorateError('CANCELLED', 'the copying was ended', { cause: error }) : error;
  } finally {
    await worker.terminate();
  }
}
