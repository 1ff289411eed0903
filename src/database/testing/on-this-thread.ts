/** Databases whose writers have no threads of their own, for tests that decide about time and files. */
import { Database, type DatabaseContext, type DatabaseSettings, type FeedRunner } from '../interface.ts';
import { WriterClient } from '../writer-client.ts';
import { WriterCore } from '../writer-core.ts';
import type { WriterStarter } from '../writer-link.ts';
import type { WriterToHost } from '../writer-messages.ts';

/** Opens a database, or makes it with these settings. */
export async function openOnThisThread(
  context: DatabaseContext,
  settings: DatabaseSettings,
  feeds?: FeedRunner,
): Promise<Database> {
  const startWriter: WriterStarter = async (start, _logger, onEvent) => {
    let deliver: (message: unknown) => void = () => {};
    const unused = { onMessage: () => {}, onClose: () => {}, close: () => {} };
    const client = new WriterClient(
      { ...unused, post: (message) => queueMicrotask(() => deliver(message)) },
      start.limits,
      start.name,
    );
    const receive = ({ events = [], replies = [] }: WriterToHost) => {
      for (const event of events) {
        onEvent(event);
      }
      client.receive(replies);
    };
    const onMessage = (listener: (message: unknown) => void) => {
      deliver = listener;
    };
    const host = {
      ...unused,
      onMessage,
      post: (message: unknown) => queueMicrotask(() => receive(message as WriterToHost)),
    };
    new WriterCore(context.runtime, start, host, queueMicrotask, feeds).open();
    return {
      client,
      connect: () => Promise.reject(new Error('not used')),
      stop: () => client.request((id) => ['close', id]),
    };
  };
  const own = { ...context, startWriter };
  return Database.exists(own) ? Database.open(own) : Database.create(own, settings);
}
