import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TransactionLog } from './interface.ts';
import { appendFrame, appendUnsynced, databaseId, directory, hashesOf, simulatedFiles } from './testing/sample-log.ts';

test('what is read again after a failed fsync survives a power loss from then on', () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const files = simulatedFiles(seed);
    const log = TransactionLog.create(files, directory, databaseId);
    appendFrame(log, [10]);
    appendUnsynced(log, [2000]);
    files.planFaults(({ kind }) => (kind === 'sync' ? 'io-error' : undefined));
    assert.throws(() => log.sync(), { code: 'IO_ERROR' });
    // The process ends and starts again; the kernel still shows what it could not write.
    files.restart();
    const { log: reopened } = TransactionLog.open(files, directory);
    appendFrame(reopened, [10]);
    const before = hashesOf(reopened);
    files.losePower();
    assert.deepEqual(hashesOf(TransactionLog.open(files, directory).log), before);
  }
});
