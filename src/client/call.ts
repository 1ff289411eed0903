import type { ServiceError } from '@grpc/grpc-js';
import { errorFromGrpc } from '../replication/interface.ts';

/** The shape of a unary method of a generated client, with its request and metadata bound. */
type UnaryStart<Response> = (callback: (error: ServiceError | null, response: Response) => void) => { cancel(): void };

/** A unary call as a promise; an abort of the signal cancels it. @throws QuorateError */
export function unary<Response>(start: UnaryStart<Response>, signal?: AbortSignal): Promise<Response> {
  return new Promise((resolve, reject) => {
    const cancel = () => call.cancel();
    const call = start((error, response) => {
      signal?.removeEventListener('abort', cancel);
      if (error === null) {
        resolve(response);
      } else {
        reject(errorFromGrpc(error));
      }
    });
    if (signal?.aborted) {
      cancel();
    } else {
      signal?.addEventListener('abort', cancel, { once: true });
    }
  });
}

/** The part of a stream that sends messages. */
export interface MessageSink<Out> {
  readonly destroyed: boolean;
  write(message: Out): boolean;
  once(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

/** Writes a message and waits while the other side is slower; returns at once when the stream has failed. */
export async function writeMessage<Out>(stream: MessageSink<Out>, message: Out): Promise<void> {
  if (stream.write(message) || stream.destroyed) {
    return;
  }
  await new Promise<void>((resolve) => {
    const go = () => {
      for (const event of ['drain', 'error', 'close', 'finish']) {
        stream.off(event, go);
      }
      resolve();
    };
    for (const event of ['drain', 'error', 'close', 'finish']) {
      stream.once(event, go);
    }
  });
}
