import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { QuorateError } from '../../src/errors/interface.ts';
import { ServerFixture } from '../server-process.ts';
import { read, txn, write } from './by-hand.ts';
import { fromEdn, fromJsonLines } from './jepsen-format.ts';
import { checkLinearizability } from './linearizability.ts';
import { operationsOf } from './operation.ts';
import { assertNoViolations, HistoryRecorder, withHistory } from './recorder.ts';
import { checkSessions } from './sessions.ts';

test('answers, refusals and unknown outcomes are recorded as what they are', async () => {
  const recorder = new HistoryRecorder({ capacity: 5 });
  const client = recorder.client({ node: 'a' });
  const failing = (error: Error) => () => Promise.reject(error);
  await client.run(read(null), async () => ({ call: read(7), position: { term: 1, txId: 2 } }));
  await client.run(write(1), failing(new QuorateError('READ_ONLY_REPLICA', 'no')));
  await client.run(read(null), failing(new QuorateError('UNAVAILABLE', 'gone')));
  await client.run(txn(['append', 'x', 1]), failing(new QuorateError('COMMIT_IN_DOUBT', 'who knows')));
  await assert.rejects(client.run(write(2), failing(new TypeError('a bug'))), TypeError);
  await assert.rejects(
    client.run(write(3), async () => ({})),
    /full with 5/,
  );
  assert.deepEqual(
    recorder.events.filter(({ type }) => type !== 'invoke').map(({ type, process, error }) => [type, process, error]),
    [
      ['ok', 0, undefined],
      ['fail', 0, 'READ_ONLY_REPLICA'],
      ['fail', 0, 'UNAVAILABLE'],
      ['info', 0, 'COMMIT_IN_DOUBT'],
      ['info', 1, 'INTERNAL'],
    ],
  );
  assert.deepEqual(operationsOf(recorder.events)[0]?.call, read(7));
});

test('the history of a test that fails is in a file', async () => {
  let directory = '';
  await assert.rejects(
    withHistory({ capacity: 1 }, async (recorder) => {
      await recorder.client().run(write(1), async () => ({}));
      assertNoViolations([{ rule: 'stale read', message: 'it was old' }]);
    }),
    ({ message }: Error) => {
      directory = /is in (.*)\.$/.exec(message)?.[1] ?? '';
      return message.startsWith('stale read: it was old');
    },
  );
  const events = fromEdn(readFileSync(path.join(directory, 'history.edn'), 'utf8'));
  assert.equal(events.length, 2);
  assert.deepEqual(fromJsonLines(readFileSync(path.join(directory, 'history.jsonl'), 'utf8')), events);
  rmSync(directory, { recursive: true });
});

test('clients of a real server have a linearizable history', async (t) => {
  const servers = new ServerFixture(t);
  const server = await servers.start('a');
  const client = await server.client();
  await client.createDatabase({ database: 'app', role: 'primary', replication: undefined });
  await server.execute('app', 'CREATE TABLE register (value INTEGER)', 'INSERT INTO register VALUES (0)');
  await withHistory({ capacity: 400 }, async (recorder) => {
    const act = async (number: number) => {
      const recording = recorder.client({ node: 'a' });
      for (let i = 1; i <= 50; i += 1) {
        const value = number * 1000 + i;
        await recording.run(write(value), async () => {
          const sql = 'UPDATE register SET value = ?';
          const { txId, term } = await client.execute('app', [{ sql, parameters: [value] }]);
          return { position: { term, txId } };
        });
        await recording.run(read(null), async () => {
          const { txId, term, results } = await client.execute('app', [{ sql: 'SELECT value FROM register' }]);
          return { call: read(Number(results[0]?.rows[0]?.[0])), position: { term, txId } };
        });
      }
    };
    await Promise.all([1, 2, 3, 4].map(act));
    const operations = operationsOf(recorder.events);
    assert.equal(operations.filter(({ type }) => type === 'ok').length, 400);
    assertNoViolations(checkLinearizability(operations, { initial: () => 0 }));
    assertNoViolations(checkSessions(operations));
  });
});
