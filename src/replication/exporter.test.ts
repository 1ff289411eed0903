import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReplicationSource } from '../database/interface.ts';
import type { ExportTxRequest, ExportTxResponse } from '../proto/interface.ts';
import { createNodeRuntime } from '../runtime/interface.ts';
import { Exporter } from './exporter.ts';
import { defaultReplicationLimits } from './limits.ts';

const hash = Buffer.alloc(32);
const position = { txId: 7, term: 1, hash };

/** An exporter over a log of seven records, two replicas of which hold everything. */
async function exporterWithReplicas() {
  const counted: (readonly number[])[] = [];
  const sent: ExportTxResponse[] = [];
  const state = { members: [] as string[], cuts: 0, path: ['me/shop'] as readonly string[] };
  const source: ReplicationSource = {
    databaseId: new Uint8Array(16),
    role: 'primary',
    positions: () => ({ tip: 7, durable: 7, commit: 7, applied: 7, term: 1 }),
    exportableTxId: () => 7,
    positionOf: () => Promise.resolve(position),
    read: () => Promise.reject(new Error('there is nothing to send')),
    subscribe: () => () => {},
    acknowledge: (durable) => counted.push(durable),
    awaited: () => undefined,
    awaitedCount: () => 0,
    ackMembers: () => state.members,
    traces: () => [],
    asksForAcks: () => true,
    cutCount: () => state.cuts,
    firstTxId: () => 1,
    logBytes: () => 0,
    tipBytes: () => 0,
    bytesAt: () => Promise.resolve(0),
    databaseBytes: () => 0,
    hold: () => {},
  };
  const runtime = createNodeRuntime();
  const options = { source, limits: defaultReplicationLimits, runtime, maxReplicas: 2, path: () => state.path };
  const exporter = new Exporter(options);
  for (const name of ['berlin', 'paris']) {
    const peer = { send: (message: ExportTxResponse) => sent.push(message) > 0, end: () => {} };
    exporter.accept(peer, 'somewhere').onMessage(startOf(name));
  }
  await new Promise((resolve) => setImmediate(resolve));
  return { exporter, counted, sent, state };
}

function startOf(name: string): ExportTxRequest {
  const value = {
    ...{
      protocolMin: 1,
      protocolMax: 1,
      database: 'shop',
      databaseId: Buffer.alloc(16),
      promisedTerm: 1,
      acceptsSnapshot: false,
    },
    ...{
      durable: position,
      committed: position,
      between: [],
      replicaId: `${name}/shop`,
      replicaName: name,
      httpUrl: '',
    },
  };
  return { message: { $case: 'start', value } };
}

test('one replica more than the option allows is refused', async () => {
  const { exporter } = await exporterWithReplicas();
  const peer = { send: () => true, end: () => {} };
  assert.throws(() => exporter.accept(peer, 'somewhere'), { code: 'OVERLOADED', hint: /max-replicas/ });
});

test('who counts is asked anew when the members change, though no replica has anything new', async () => {
  const { exporter, counted, state } = await exporterWithReplicas();
  assert.deepEqual(counted.at(-1), [7, 7]);
  exporter.uncount();
  assert.deepEqual(counted.at(-1), []);
  state.members = ['paris', 'rome'];
  exporter.count();
  assert.deepEqual(counted.at(-1), [7, 0]);
});

test('what replicas held counts no more when records were cut from the log', async () => {
  const { exporter, counted, state } = await exporterWithReplicas();
  state.cuts += 1;
  exporter.count();
  assert.deepEqual(counted.at(-1), []);
});

test('every replica is told first of all whom its upstream follows, and again when that changes', async () => {
  const { exporter, sent, state } = await exporterWithReplicas();
  const paths = () =>
    sent.flatMap(({ message }) => (message?.$case === 'path' ? [message.value.replicaIds.join(' ')] : []));
  assert.equal(sent[0]?.message?.$case, 'path');
  assert.deepEqual(paths(), ['me/shop', 'me/shop']);
  state.path = ['me/shop', 'up/shop'];
  exporter.pathChanged();
  assert.deepEqual(paths().slice(2), ['me/shop up/shop', 'me/shop up/shop']);
});
