import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LogReader, TransactionLog } from './interface.ts';
import { appendFrame, databaseId, directory, simulatedFiles } from './testing/sample-log.ts';

const smallSegments = { segmentSizeBytes: 8192 };

/** Twelve transactions over several segments. */
function longLog(seed = 1) {
  const files = simulatedFiles(seed);
  const log = TransactionLog.create(files, directory, databaseId, smallSegments);
  for (let count = 0; count < 12; count += 1) {
    appendFrame(log, [1500]);
  }
  return { files, log };
}

describe('a log whose oldest segments are dropped', () => {
  it('keeps every transaction from the given one on, and goes on from its tip', () => {
    const { files, log } = longLog();
    const before = log.positionOf(7);
    assert.equal(log.dropBefore(7), true);
    assert.ok(log.firstTxId > 1 && log.firstTxId <= 7, String(log.firstTxId));
    assert.deepEqual(log.positionOf(7), before);
    appendFrame(log, [10]);
    const { log: reopened, report } = TransactionLog.open(files, directory);
    assert.equal(reopened.tip.txId, 13);
    assert.equal(report.records, 13 - log.firstTxId + 1);
    assert.deepEqual(reopened.positionOf(7), before);
  });

  it('always keeps its newest segment', () => {
    const { log } = longLog();
    log.dropBefore(log.tip.txId + 1);
    assert.equal(log.segments().length, 1);
    assert.ok(log.positionOf(log.tip.txId - 1) !== undefined);
    assert.equal(log.dropBefore(log.tip.txId + 1), false);
  });

  it('knows the position in front of its first transaction, and none before that', () => {
    const { log } = longLog();
    const positions = new Map([1, 2, 3, 4, 5, 6, 7].map((txId) => [txId, log.positionOf(txId)]));
    log.dropBefore(7);
    assert.deepEqual(log.positionOf(log.firstTxId - 1), positions.get(log.firstTxId - 1));
    assert.equal(log.positionOf(log.firstTxId - 2), undefined);
  });

  it('is whole after a power loss in the middle of the removal', () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const { files, log } = longLog(seed);
      const begin = files.operations;
      files.planFaults(({ index }) => (index === begin + (seed % 8) ? 'power-loss' : undefined));
      try {
        log.dropBefore(11);
      } catch {
        // The machine went down.
      }
      files.losePower();
      assert.equal(TransactionLog.open(files, directory).log.tip.txId, 12);
    }
  });

  it('tells a reader in the middle of it that a snapshot is required, and serves what is left', async () => {
    const { files, log } = longLog();
    using reader = LogReader.open(files, directory);
    await reader.read(12, 12, 1);
    log.dropBefore(9);
    await assert.rejects(
      async () => {
        reader.forget();
        await reader.read(1, 12, 100_000);
      },
      { code: 'SNAPSHOT_REQUIRED' },
    );
    const batch = await reader.read(log.firstTxId, 12, 100_000);
    assert.equal(batch.firstTxId, log.firstTxId);
  });
});
