/** Entry of the writer thread of one database. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { asQuorateError, assertInvariant } from '../errors/interface.ts';
import { createNodeRuntime } from '../runtime/interface.ts';
import { forwardingLogger } from './forwarding-logger.ts';
import { LazyFeeds } from './lazy-feeds.ts';
import { messagePortChannel } from './message-port-channel.ts';
import { WriterCore } from './writer-core.ts';
import type { WriterPort, WriterRequest, WriterStart } from './writer-messages.ts';

assertInvariant(parentPort !== null, 'this file runs in a worker thread');
const host = messagePortChannel(parentPort);
const runtime = createNodeRuntime(forwardingLogger((entry) => host.post({ log: entry })));

/** Ports of further clients arrive as MessagePorts; the core knows only channels. */
function withChannels(port: WriterPort): WriterPort {
  return {
    ...port,
    onMessage(listener) {
      port.onMessage((message) => {
        const requests = message as WriterRequest[];
        listener(
          requests.map((request) =>
            request[0] === 'attach' ? ['attach', request[1], messagePortChannel(request[2] as MessagePort)] : request,
          ),
        );
      });
    },
  };
}

try {
  const start = workerData as WriterStart;
  const feeds = start.feedModule === undefined ? undefined : new LazyFeeds(start.feedModule);
  const core = new WriterCore(runtime, start, withChannels(host), (work) => setImmediate(work), feeds);
  core.open();
  host.post({ opened: true });
} catch (error) {
  host.post({ refused: asQuorateError(error).serialize() });
}
