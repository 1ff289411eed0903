/** Entry of the writer thread of one database. */
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { asQuorateError, assertInvariant } from '../errors/interface.ts';
import { createNodeRuntime } from '../runtime/interface.ts';
import { forwardingLogger } from './forwarding-logger.ts';
import { LazyFeeds } from './lazy-feeds.ts';
import { messagePortChannel } from './message-port-channel.ts';
import { SharedPositions } from './shared-positions.ts';
import { WriterCore } from './writer-core.ts';
import type { WriterPort, WriterRequest, WriterStart } from './writer-messages.ts';

assertInvariant(parentPort !== null, 'this file runs in a worker thread');
const start = workerData as WriterStart;
const host = hostChannel(parentPort, new SharedPositions(start.positions));
const runtime = createNodeRuntime(forwardingLogger((entry) => host.post({ log: entry })));

/** The channel to the node, which counts in `positions` what it has posted. */
function hostChannel(port: MessagePort, positions: SharedPositions): WriterPort {
  const channel = messagePortChannel(port);
  let listener: (message: unknown) => void = () => {};
  return {
    ...channel,
    onMessage(given) {
      listener = (message) => given(withChannels(message as WriterRequest[]));
      channel.onMessage(listener);
    },
    receive(limitMs) {
      const seen = positions.get('posted');
      let received = receiveMessageOnPort(port);
      if (received === undefined) {
        positions.waitForPost(seen, limitMs);
        received = receiveMessageOnPort(port);
      }
      if (received !== undefined) {
        listener(received.message);
      }
      return received !== undefined;
    },
  };
}

/** Ports of further clients arrive as MessagePorts; the core knows only channels. */
function withChannels(requests: readonly WriterRequest[]): WriterRequest[] {
  return requests.map((request) =>
    request[0] === 'attach' ? ['attach', request[1], messagePortChannel(request[2] as MessagePort)] : request,
  );
}

try {
  const feeds = start.feedModule === undefined ? undefined : new LazyFeeds(start.feedModule);
  const core = new WriterCore(runtime, start, host, (work) => setImmediate(work), feeds);
  core.open();
  host.post({ opened: true });
} catch (error) {
  host.post({ refused: asQuorateError(error).serialize() });
}
