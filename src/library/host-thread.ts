/** Entry of the thread that runs the node of an application: network, replication, coordination. */
import { parentPort, workerData } from 'node:worker_threads';
import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js';
import { defaultPort, parseOptions, securityOptions, tlsOptions } from '../config/interface.ts';
import { forwardingLogger } from '../database/interface.ts';
import { asQuorateError, assertInvariant } from '../errors/interface.ts';
import { createNodeRuntime } from '../runtime/interface.ts';
import { dialable, GrpcServer, Node, type NodeOptions, noReplication } from '../server/interface.ts';
import type { Attachment, HostMessage, HostReady, HostRequest, HostStart } from './host-messages.ts';
import { NodeHost } from './node-host.ts';
import { type HostOptions, tlsSettings } from './options.ts';

// A library writes nothing to the terminal of its application; what matters comes as an error or to the logger.
setLogVerbosity(logVerbosity.NONE);

assertInvariant(parentPort !== null, 'this file runs in a worker thread');
const application = parentPort;

function post(message: HostMessage, attachment?: Attachment): void {
  application.postMessage(message, attachment === undefined ? [] : [attachment.port]);
}

const runtime = createNodeRuntime(forwardingLogger((entry) => post({ kind: 'log', entry })));

function nodeOptions({ directory, name, adminPassword, limits, tls }: HostOptions): NodeOptions {
  return {
    directory,
    name,
    adminPassword,
    security: parseOptions(securityOptions, { files: runtime.files }).values,
    tls: { ...parseOptions(tlsOptions, { files: runtime.files }).values, ...tlsSettings(tls) },
    replication: noReplication,
    limits,
    databaseLimits: limits,
    replicationLimits: limits,
  };
}

async function listen(node: Node, options: HostOptions): Promise<GrpcServer | undefined> {
  if (options.listen === undefined) {
    return undefined;
  }
  const { host = '127.0.0.1', port = defaultPort } = options.listen;
  return await GrpcServer.listen({ node, errors: new Map() }, { host, port });
}

async function open(options: HostOptions): Promise<{ host: NodeHost; ready: HostReady }> {
  await using opening = new AsyncDisposableStack();
  const node = opening.use(await Node.open(nodeOptions(options), runtime));
  const server = await listen(node, options);
  opening.defer(async () => {
    node.stopStreams();
    await server?.close(options.limits.drainTimeoutMs);
  });
  await node.start(server && dialable(server.address));
  const { nodeId, nodeName } = node.identity;
  const { generatedPassword } = node;
  const opened = opening.move();
  const host = new NodeHost(node, async () => await opened.disposeAsync());
  return { host, ready: { nodeId, nodeName, address: server?.address, generatedPassword } };
}

function answer(host: NodeHost, { id, kind, request }: HostRequest): void {
  host.handle(kind, request).then(
    (value) => post({ kind: 'answer', id, answer: value }, kind === 'attach' ? (value as Attachment) : undefined),
    (error: unknown) => post({ kind: 'error', id, error: asQuorateError(error).serialize() }),
  );
}

try {
  const { options } = workerData as HostStart;
  const { host, ready } = await open(options);
  application.on('message', (message: HostRequest) => answer(host, message));
  post({ kind: 'ready', ready });
} catch (error) {
  post({ kind: 'refused', error: asQuorateError(error).serialize() });
}
