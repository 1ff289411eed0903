/** What each side of a stream refuses of the other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReplicationSink, ReplicationSource } from '../database/interface.ts';
import type { QuorateError } from '../errors/interface.ts';
import type { ExportStart, ExportTxRequest, ExportTxResponse } from '../proto/interface.ts';
import { createNodeRuntime } from '../runtime/interface.ts';
import { Exporter } from './exporter.ts';
import { defaultReplicationLimits } from './limits.ts';
import { ReplicaSession } from './replica-session.ts';

const databaseId = Buffer.alloc(16, 1);
const position = { txId: 7, term: 3, hash: Buffer.alloc(32) };
const positions = { tip: 7, durable: 7, commit: 7, applied: 7, term: 3 };
const runtime = createNodeRuntime();

const settled = () => new Promise((resolve) => setImmediate(resolve));

const source: ReplicationSource = {
  databaseId,
  role: 'primary',
  positions: () => positions,
  exportableTxId: () => 7,
  positionOf: () => Promise.resolve(position),
  read: () => Promise.reject(new Error('there is nothing to send')),
  subscribe: () => () => {},
  acknowledge: () => {},
  awaited: () => undefined,
  awaitedCount: () => 0,
  ackMembers: () => [],
  traces: () => [],
  asksForAcks: () => false,
  cutCount: () => 0,
  firstTxId: () => 1,
  logBytes: () => 0,
  tipBytes: () => 0,
  bytesAt: () => Promise.resolve(0),
  databaseBytes: () => 0,
  hold: () => {},
};

/** Sends messages to an upstream and returns the code it ended the stream with. */
function upstreamRefuses(...messages: ExportTxRequest['message'][]): Promise<string | undefined> {
  return refuses(source, messages);
}

async function refuses(
  source: ReplicationSource,
  messages: readonly ExportTxRequest['message'][],
  onHigherTerm: (term: number) => void = () => {},
): Promise<string | undefined> {
  let reason: QuorateError | undefined;
  const peer = {
    send: () => true,
    end: (error?: QuorateError) => {
      reason = error;
    },
  };
  const exporter = new Exporter({ source, limits: defaultReplicationLimits, runtime, maxReplicas: 1, onHigherTerm });
  const session = exporter.accept(peer, 'somewhere');
  for (const message of messages) {
    session.onMessage({ message });
    await settled();
  }
  session.onEnd(undefined);
  return reason?.code;
}

function start(changes: Partial<ExportStart> = {}): ExportTxRequest['message'] {
  const identity = { replicaId: 'node/shop', replicaName: 'berlin', httpUrl: '', acceptsSnapshot: false };
  const ends = { durable: position, committed: position, between: [] };
  const versions = { protocolMin: 1, protocolMax: 1, promisedTerm: 3 };
  return { $case: 'start', value: { database: 'shop', databaseId, ...versions, ...ends, ...identity, ...changes } };
}

function acknowledgement(durableTxId: number, appliedTxId = durableTxId): ExportTxRequest['message'] {
  return { $case: 'acknowledgement', value: { durableTxId, appliedTxId } };
}

test('an upstream takes a replica that has what it has, and its acknowledgements', async () => {
  assert.equal(await upstreamRefuses(start(), acknowledgement(7)), undefined);
});

test('an upstream refuses replicas of another database, of a higher term and of another protocol', async () => {
  assert.equal(await upstreamRefuses(start({ databaseId: Buffer.alloc(16, 2) })), 'WRONG_DATABASE');
  assert.equal(await upstreamRefuses(start({ promisedTerm: 4 })), 'STALE_TERM');
  assert.equal(await upstreamRefuses(start({ protocolMin: 2, protocolMax: 9 })), 'PROTOCOL_VERSION');
});

test('an upstream learns from a replica that another node has a higher term', async () => {
  const terms: number[] = [];
  await refuses(source, [start({ promisedTerm: 3 }), start({ promisedTerm: 9 })], (term) => terms.push(term));
  await refuses(source, [start({ promisedTerm: 4 })], (term) => terms.push(term));
  assert.deepEqual(terms, [4]);
});

test('an upstream ends a stream when records were cut from its log', async () => {
  let cuts = 0;
  const cut = { ...source, cutCount: () => cuts, bytesAt: () => Promise.resolve(0) };
  const session = refuses(cut, [start(), acknowledgement(7), acknowledgement(7)]);
  await settled();
  cuts = 1;
  assert.equal(await session, 'UNAVAILABLE');
});

test('a new replica is sent to a snapshot where the log is long, but never to one of nothing', async () => {
  const nothing = { txId: 0, term: 0, hash: Buffer.alloc(32) };
  const newReplica = start({ durable: nothing, committed: nothing, acceptsSnapshot: true });
  const long = { ...source, logBytes: () => defaultReplicationLimits.snapshotSeedBytes };
  assert.equal(await refuses(long, [newReplica]), 'SNAPSHOT_REQUIRED');
  const unacknowledged = { ...positions, commit: 0, applied: 0 };
  assert.notEqual(await refuses({ ...long, positions: () => unacknowledged }, [newReplica]), 'SNAPSHOT_REQUIRED');
});

test('an upstream does not believe acknowledgements of what it never sent, nor applied before durable', async () => {
  assert.equal(await upstreamRefuses(start(), acknowledgement(8)), 'PROTOCOL_ERROR');
  assert.equal(await upstreamRefuses(start(), acknowledgement(6, 7)), 'PROTOCOL_ERROR');
  assert.equal(await upstreamRefuses(acknowledgement(7)), 'PROTOCOL_ERROR');
  assert.equal(await upstreamRefuses(start(), start()), 'PROTOCOL_ERROR');
});

const replicaSink: ReplicationSink = {
  databaseId,
  positions: () => positions,
  unappliedBytes: () => 0,
  promisedTerm: () => 0,
  ends: () => Promise.resolve({ durable: position, committed: position, between: [] }),
  initialize: () => Promise.resolve(),
  truncateAfter: () => Promise.reject(new Error('nothing is to be cut')),
  append: () => Promise.resolve(),
  commitTo: () => {},
  subscribe: () => () => {},
  failure: () => undefined,
};

/** A replica's side of a stream; what it sends and why it ended. */
async function openSession(sink: ReplicationSink) {
  const sent: ExportTxRequest['message'][] = [];
  const ended: { reason?: QuorateError | undefined } = {};
  const session = new ReplicaSession({
    sink,
    database: 'shop',
    identity: { replicaId: 'node/shop', replicaName: 'berlin' },
    runtime,
    limits: defaultReplicationLimits,
    onEnd: (error) => {
      ended.reason = error;
    },
  });
  const send = ({ message }: ExportTxRequest) => sent.push(message) > 0;
  await session.start({ send, end: () => {}, pause: () => {}, resume: () => {} });
  return { session, sent, ended };
}

/** Sends messages to a replica and returns the code it ended the stream with. */
async function replicaRefuses(...messages: ExportTxResponse['message'][]): Promise<string | undefined> {
  const { session, ended } = await openSession(replicaSink);
  for (const message of messages) {
    session.onMessage({ message });
    await settled();
  }
  session.onEnd(undefined);
  return ended.reason?.code;
}

interface StartedChanges {
  readonly protocol?: number;
  readonly term?: number;
  readonly fromTxId?: number;
  readonly databaseId?: Buffer;
}

function started(changes: StartedChanges = {}): ExportTxResponse['message'] {
  const { protocol = 1, term = 3, fromTxId = 7, databaseId: id = databaseId } = changes;
  const heartbeat = { tipTxId: 7, commitTxId: 7, term, clockMs: 0, unsentBytes: 0, counts: false };
  return {
    $case: 'started',
    value: { protocol, databaseId: id, term, from: { ...position, txId: fromTxId }, heartbeat },
  };
}

const records: ExportTxResponse['message'] = {
  $case: 'records',
  value: { records: Buffer.alloc(8), more: false, traces: [], commitTxId: 8 },
};

test('a replica takes records after its upstream has started', async () => {
  assert.equal(await replicaRefuses(started(), records), undefined);
});

test('a replica never follows a lower term than it has promised, nor another protocol', async () => {
  assert.equal(await replicaRefuses(started({ term: 2 })), 'STALE_TERM');
  assert.equal(await replicaRefuses(started({ protocol: 2 })), 'PROTOCOL_VERSION');
});

test('a stream ends, and confirms nothing more, when its replica has promised a later term', async () => {
  const state = { promisedTerm: 0, positions, moved: () => {} };
  const { session, sent, ended } = await openSession({
    ...replicaSink,
    promisedTerm: () => state.promisedTerm,
    positions: () => state.positions,
    subscribe: (listener) => {
      state.moved = listener;
      return () => {};
    },
  });
  session.onMessage({ message: started() });
  await settled();
  const confirmed = () => sent.filter((message) => message?.$case === 'acknowledgement').length;
  assert.equal(confirmed(), 1);
  state.positions = { ...positions, tip: 8, durable: 8 };
  state.moved();
  assert.equal(confirmed(), 2);
  state.positions = { ...positions, tip: 9, durable: 9 };
  state.promisedTerm = 4;
  state.moved();
  assert.deepEqual([confirmed(), ended.reason?.code], [2, 'STALE_TERM']);
});

test('a replica refuses an upstream that goes on beyond its log, has no proper id, starts twice, or sends records before it starts', async () => {
  assert.equal(await replicaRefuses(started({ fromTxId: 8 })), 'PROTOCOL_ERROR');
  assert.equal(await replicaRefuses(started({ databaseId: Buffer.alloc(4) })), 'PROTOCOL_ERROR');
  assert.equal(await replicaRefuses(started(), started()), 'PROTOCOL_ERROR');
  assert.equal(await replicaRefuses(records), 'PROTOCOL_ERROR');
});
