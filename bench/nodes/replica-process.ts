/** Entry of a replica process: `replica-process.ts DIRECTORY PORT`; `Replica` starts it. */
import process from 'node:process';
import { decodePosition, encodePosition, type Position } from '../../src/database/interface.ts';
import { Quorate } from '../../src/library/interface.ts';
import { nullLogger } from '../../src/runtime/interface.ts';
import { adminPassword, databaseName } from './primary.ts';
import { type AppliedMoment, type ReplicaReply, type ReplicaRequest, sharedClockNs } from './replica-messages.ts';

const [directory = '', port = ''] = process.argv.slice(2);

/** Longer than any benchmark runs. */
const waitMs = 3_600_000;

function reply(message: ReplicaReply): void {
  if (process.connected) {
    process.send?.(message);
  }
}

let connectedAtNs = 0;

/** Tells the benchmark when records begin to flow, and why they stop. */
const logger = {
  ...nullLogger,
  info(fields: Readonly<Record<string, unknown>>): void {
    if (fields['state'] === 'connecting') {
      connectedAtNs = sharedClockNs();
    } else if (fields['state'] === 'streaming') {
      reply({ kind: 'streaming', connectedAtNs });
    }
  },
  warn(fields: Readonly<Record<string, unknown>>, message: string): void {
    reply({ kind: 'failed', reason: `${message} ${JSON.stringify(fields)}` });
  },
};

const node = await Quorate.open({ directory, logger });
const database = await node.replica(databaseName, {
  host: '127.0.0.1',
  port: Number(port),
  username: 'admin',
  password: adminPassword,
});
let moments: AppliedMoment[] = [];
let observation: AbortController | undefined;

process.on('message', (message) => {
  handle(message as ReplicaRequest).catch((error: unknown) => reply({ kind: 'failed', reason: String(error) }));
});
process.on('disconnect', () => {
  void node[Symbol.asyncDispose]().finally(() => process.exit());
});

async function handle(request: ReplicaRequest): Promise<void> {
  switch (request.kind) {
    case 'wait':
      await database.waitFor(request.position, { timeoutMs: waitMs });
      reply({ kind: 'reached', atNs: sharedClockNs() });
      return;
    case 'observe':
      moments = [];
      observation = new AbortController();
      await observe(request.position, observation.signal);
      return;
    case 'moments':
      observation?.abort();
      noteMoment();
      reply({ kind: 'moments', moments });
      return;
  }
}

/** Notes every step that reads on this node make forward, as an application sees them. */
async function observe(position: string, signal: AbortSignal): Promise<void> {
  let last = decodePosition(position);
  while (!signal.aborted) {
    const next = encodePosition({ term: last.term, txId: last.txId + 1 });
    const reached = await database.waitFor(next, { timeoutMs: waitMs, signal }).then(
      () => true,
      () => false,
    );
    if (reached) {
      last = noteMoment();
    }
  }
}

function noteMoment(): Position {
  const position = decodePosition(database.position());
  moments.push([position.txId, sharedClockNs()]);
  return position;
}
