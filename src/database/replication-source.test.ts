import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransactionLog } from '../log/interface.ts';
import { databaseId, encodeFrame, directory as logDirectory, simulatedFiles } from '../log/testing/sample-log.ts';
import { AckRelay } from './ack-relay.ts';
import { DatabaseSource } from './replication-source.ts';
import { SharedPositions } from './shared-positions.ts';

/** A primary's source over a log with three records, in front of a writer that has gone on to the fifth. */
function newSource() {
  const files = simulatedFiles();
  const log = TransactionLog.create(files, logDirectory, databaseId);
  const frame = encodeFrame(log, [10, 10, 10]);
  log.append(frame.bytes, frame.count, frame.end);
  log.sync();
  const positions = new SharedPositions();
  positions.set('tip', 5);
  positions.set('commit', 5);
  const source = new DatabaseSource({
    files,
    logDirectory: () => '/data/log',
    databaseBytes: () => 0,
    bytesAt: () => Promise.resolve(0),
    onHold: () => {},
    positions,
    tailCacheBytes: 100_000,
    settings: () => ({ role: 'primary' }),
    acks: new AckRelay(() => {}),
    onDemand: () => {},
  });
  return { source, bytes: Uint8Array.from(frame.bytes) };
}

test('records are sent only when the news of them has arrived, so that they come from memory', async () => {
  const { source, bytes } = newSource();
  source.appended(bytes, 3);
  source.moved({ tip: 3, commit: 3 });
  assert.equal(source.exportableTxId(), 3);
  assert.deepEqual((await source.read(1, 100_000)).lastTxId, 3);
});

test('without news the shared positions count: after a start, a truncation or a change of role', () => {
  const { source } = newSource();
  assert.equal(source.exportableTxId(), 5);
  source.moved({ tip: 3, commit: 3 });
  source.forget();
  assert.equal(source.exportableTxId(), 5);
  source.moved({ tip: 3, commit: 3 });
  source.moved();
  assert.equal(source.exportableTxId(), 5);
});

test('records that did not come as news are read from the files', async () => {
  const { source } = newSource();
  source.moved({ tip: 3, commit: 3 });
  const run = await source.read(2, 100_000);
  assert.deepEqual([run.firstTxId, run.lastTxId], [2, 3]);
});
