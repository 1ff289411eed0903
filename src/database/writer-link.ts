import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import { asQuorateError, QuorateError, type SerializedError } from '../errors/interface.ts';
import type { Logger } from '../runtime/interface.ts';
import { type LogEntry, writeLogEntry } from './forwarding-logger.ts';
import { SharedPositions } from './shared-positions.ts';
import { WriterClient } from './writer-client.ts';
import type { WriterEvent, WriterPort, WriterStart, WriterToHost } from './writer-messages.ts';

/** The node's hold on the writer of one database. */
export interface WriterLink {
  readonly client: WriterClient;
  /** A further channel to the same writer, for another thread. */
  connect(): Promise<MessagePort>;
  /** Ends the writer after it has closed its files; does not wait for one whose client was made to fail. */
  stop(): Promise<void>;
}

/** Starts a writer and resolves when the database is open. @throws QuorateError what the writer refused to open with */
export type WriterStarter = (
  start: WriterStart,
  logger: Logger,
  onEvent: (event: WriterEvent) => void,
  /** Gives the opening up; what it has done so far is as good as after a crash. */
  signal?: AbortSignal | undefined,
) => Promise<WriterLink>;

type ThreadMessage = WriterToHost & {
  readonly opened?: true;
  readonly refused?: SerializedError;
  readonly log?: LogEntry;
};

const entry = new URL(import.meta.url.endsWith('.ts') ? './writer-thread.ts' : './writer-thread.js', import.meta.url);

/** Starts the writer on a thread of its own. */
export const startWriterThread: WriterStarter = async (start, logger, onEvent, signal) => {
  const worker = new Worker(entry, { workerData: start, name: `quorate writer ${start.name}` });
  const positions = new SharedPositions(start.positions);
  const opened = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<void>();
  const port: WriterPort = {
    post(message, transfer) {
      worker.postMessage(message, transfer);
      positions.notePost();
    },
    onMessage: () => {},
    onClose: (listener) => worker.on('exit', listener),
    close: () => {},
  };
  const client = new WriterClient(port, start.limits, start.name);
  worker.on('message', (message: ThreadMessage) => {
    for (const event of message.events ?? []) {
      onEvent(event);
    }
    client.receive(message.replies ?? []);
    if (message.log !== undefined) {
      writeLogEntry(logger, message.log);
    }
    if (message.opened) {
      opened.resolve();
    }
    if (message.refused !== undefined) {
      opened.reject(QuorateError.deserialize(message.refused));
    }
  });
  worker.on('error', (error) => {
    logger.error({ database: start.name, error: String(error) }, 'the writer thread failed');
    opened.reject(asQuorateError(error));
    onEvent(['failure', { code: 'INTERNAL', message: String(error), hint: 'Load the database again.', atMs: 0 }]);
  });
  worker.on('exit', () => exited.resolve());
  const giveUp = () => opened.reject(new QuorateError('CANCELLED', `the opening of ${start.name} was given up`));
  signal?.addEventListener('abort', giveUp, { once: true });
  if (signal?.aborted) {
    giveUp();
  }
  try {
    await opened.promise;
  } catch (error) {
    await worker.terminate();
    throw error;
  } finally {
    signal?.removeEventListener('abort', giveUp);
  }
  return {
    client,
    async connect() {
      const { port1, port2 } = new MessageChannel();
      await client.request((id) => ['attach', id, port1], 0, port1);
      return port2;
    },
    async stop() {
      try {
        await client.request((id) => ['close', id]);
      } catch (error) {
        if (!client.hasFailed) {
          throw error;
        }
        worker.unref();
        return;
      }
      await worker.terminate();
      await exited.promise;
    },
  };
};
