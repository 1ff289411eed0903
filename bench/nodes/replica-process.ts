/** Entry of a replica process: `replica-process.ts DIRECTORY PORT`; `Replica` starts it. */
import process from 'node:process';
import { Database, defaultDatabaseLimits } from '../../src/database/interface.ts';
import { defaultReplicationLimits, GrpcReplicationTransport, Replicator } from '../../src/replication/interface.ts';
import { createNodeRuntime, nullLogger } from '../../src/runtime/interface.ts';
import { type AppliedMoment, type ReplicaReply, type ReplicaRequest, sharedClockNs } from './replica-messages.ts';

const [directory = '', port = ''] = process.argv.slice(2);
const reply = (message: ReplicaReply) => process.send?.(message);

let connectedAtNs = 0;
/** What was noted since the benchmark asked to observe. */
let moments: AppliedMoment[] | undefined;

/** Tells the benchmark when records begin to flow, and why they stop. */
const logger = {
  ...nullLogger,
  info: (fields: Readonly<Record<string, unknown>>) => {
    if (fields['state'] === 'connecting') {
      connectedAtNs = sharedClockNs();
    } else if (fields['state'] === 'streaming') {
      reply({ kind: 'streaming', connectedAtNs });
    }
  },
  warn: (fields: Readonly<Record<string, unknown>>) => reply({ kind: 'failed', reason: String(fields['reason']) }),
};

const runtime = createNodeRuntime(logger);
const upstream = { host: '127.0.0.1', port: Number(port), database: 'items', username: 'admin', password: 'bench' };
const database = await Database.create(
  { runtime, name: 'items', directory, origin: 2n, limits: defaultDatabaseLimits },
  { role: 'replica', term: 0, replication: { enabled: true, upstream } },
);
const replicator = new Replicator({
  sink: database.sink,
  upstream,
  transport: new GrpcReplicationTransport(runtime.clock),
  runtime,
  limits: defaultReplicationLimits,
  identity: { replicaId: 'bench', replicaName: 'bench' },
});
database.sink.subscribe(noteMoment);
process.on('message', (message) => {
  handle(message as ReplicaRequest).catch((error: unknown) => reply({ kind: 'failed', reason: String(error) }));
});
process.on('disconnect', () => process.exit());
replicator.start();

function noteMoment(): void {
  const { applied } = database.positions();
  if (moments !== undefined && moments.at(-1)?.[0] !== applied) {
    moments.push([applied, sharedClockNs()]);
  }
}

async function handle(request: ReplicaRequest): Promise<void> {
  if (request.kind === 'wait') {
    await database.waitFor(request.txId, request.timeoutMs);
    reply({ kind: 'reached', atNs: sharedClockNs() });
  } else if (request.on) {
    moments = [];
  } else {
    reply({ kind: 'moments', moments: moments ?? [] });
    moments = undefined;
  }
}
