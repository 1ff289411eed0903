import type { Transferable } from 'node:worker_threads';
import type { WriterPort } from './writer-messages.ts';

/** What a MessagePort and a Worker have in common. */
interface PortLike {
  postMessage(message: unknown, transfer?: readonly Transferable[]): void;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'close' | 'exit', listener: () => void): unknown;
  close?(): void;
}

/** A channel over a MessagePort, or over a Worker from the outside. */
export function messagePortChannel(port: unknown): WriterPort {
  const target = port as PortLike;
  return {
    post: (message, transfer) => target.postMessage(message, transfer),
    onMessage: (listener) => target.on('message', listener),
    onClose: (listener) => target.on('close', listener),
    close: () => target.close?.(),
  };
}
