import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isQuorateError } from '../errors/interface.ts';
import { type FileSystem, nodeFileSystem } from '../runtime/interface.ts';
import { decodeRecords, genesisHash, LogReader, TransactionLog, verifyBatch } from './interface.ts';
import { appendFrame, databaseId, directory, hashesOf, hashOf, readAll, simulatedFiles } from './testing/sample-log.ts';

const smallSegments = { segmentSizeBytes: 8192 };
const start = { txId: 0, term: 0, hash: genesisHash(databaseId) };

/** Counts what is read and which files are open. */
function observed(files: FileSystem) {
  const counts = { reads: 0, bytes: 0, open: 0 };
  const openSync: FileSystem['openSync'] = (filePath, mode) => {
    const handle = files.openSync(filePath, mode);
    counts.open += 1;
    return {
      ...handle,
      read: async (target, position) => {
        const count = await handle.read(target, position);
        counts.reads += 1;
        counts.bytes += count;
        return count;
      },
      closeSync: () => {
        counts.open -= 1;
        handle.closeSync();
      },
    };
  };
  const wrapped: FileSystem = {
    ...files,
    openSync,
    listSync: (folder) => files.listSync(folder),
    existsSync: (filePath) => files.existsSync(filePath),
  };
  return { files: wrapped, counts };
}

function logWith(frames: readonly (readonly number[])[], segmentSizeBytes = 8192) {
  const files = simulatedFiles();
  const log = TransactionLog.create(files, directory, databaseId, { segmentSizeBytes });
  for (const sizes of frames) {
    appendFrame(log, sizes);
  }
  return { files, log };
}

describe('a log reader', () => {
  it('gives every record once and in order, whatever the sizes of frames, reads and segments', async () => {
    const frames = fc.array(fc.array(fc.nat({ max: 3000 }), { minLength: 1, maxLength: 6 }), {
      minLength: 1,
      maxLength: 12,
    });
    await fc.assert(
      fc.asyncProperty(frames, fc.integer({ min: 1, max: 9000 }), async (sizes, maxBytes) => {
        const { files, log } = logWith(sizes);
        using reader = LogReader.open(files, directory);
        let position = start;
        for (const batch of await readAll(reader, 1, log.tip.txId, maxBytes)) {
          const verified = verifyBatch(batch.bytes, position);
          assert.deepEqual(verified, batch);
          assert.ok(batch.bytes.length <= maxBytes || batch.firstTxId === batch.lastTxId);
          position = { ...verified.end, hash: Buffer.from(verified.end.hash) };
        }
        assert.deepEqual(position, log.tip);
      }),
      { numRuns: 60 },
    );
  });

  it('never goes beyond the transaction that the caller knows to be written, even within a frame', async () => {
    const { files } = logWith([[10, 20, 30, 40], [50]]);
    using reader = LogReader.open(files, directory);
    const batch = await reader.read(2, 3, 1_000_000);
    assert.deepEqual([batch.firstTxId, batch.lastTxId, batch.end.txId], [2, 3, 3]);
    assert.deepEqual(
      [...decodeRecords(batch.bytes)].map((record) => record.operations.length),
      [20, 30],
    );
  });

  it('gives at least one record, however small the limit', async () => {
    const { files } = logWith([[5000, 1]]);
    using reader = LogReader.open(files, directory);
    const batch = await reader.read(1, 2, 1);
    assert.deepEqual([batch.lastTxId, batch.bytes.length], [1, 5080]);
  });

  it('follows a writer through new segments, and through a first one that was replaced by a larger one', async () => {
    const { files, log } = logWith([]);
    using reader = LogReader.open(files, directory);
    assert.equal(await reader.positionOf(1), undefined);
    for (const size of [20_000, 10, 4000, 4000, 60_000, 1]) {
      appendFrame(log, [size, 3]);
      const last = log.tip.txId;
      const batches = await readAll(reader, last - 1, last, 100_000);
      assert.deepEqual(batches.at(-1)?.end, { ...log.tip });
    }
  });

  it('knows the position of each transaction, of the one before the first, and of no other', async () => {
    const { files, log } = logWith([[1, 2, 3], [4000], [4000, 5], [6]]);
    using reader = LogReader.open(files, directory);
    for (let txId = 0; txId <= log.tip.txId; txId += 1) {
      const position = await reader.positionOf(txId);
      assert.deepEqual(
        { ...position, hash: hashOf({ hash: position?.hash ?? Buffer.alloc(0) }) },
        {
          ...log.positionOf(txId),
          hash: hashOf({ hash: log.positionOf(txId)?.hash ?? Buffer.alloc(1) }),
        },
      );
    }
    assert.deepEqual([await reader.positionOf(log.tip.txId + 1), await reader.positionOf(-1)], [undefined, undefined]);
  });

  it('asks for a snapshot when the records are no longer kept', async () => {
    const { log: upstream } = logWith([[1, 2, 3]]);
    const files = simulatedFiles();
    const log = TransactionLog.create(files, directory, databaseId, { ...smallSegments, after: upstream.tip });
    appendFrame(log, [1]);
    using reader = LogReader.open(files, directory);
    assert.equal(reader.firstTxId(), 4);
    await assert.rejects(reader.read(3, 4, 1000), { code: 'SNAPSHOT_REQUIRED' });
    assert.equal((await reader.positionOf(3))?.txId, 3);
    assert.equal(await reader.positionOf(2), undefined);
    assert.equal((await reader.read(4, 4, 1000)).lastTxId, 4);
  });

  it('refuses a frame that was damaged after it was written, and gives those before it', async () => {
    const { files, log } = logWith([[10], [20], [30]]);
    const segment = `${directory}/${files.listSync(directory)[0]}`;
    const bytes = Buffer.from(files.readFileSync(segment));
    const handle = files.openSync(segment, 'readwrite');
    const at = bytes.lastIndexOf(Buffer.alloc(20, 2));
    handle.writeSync(Buffer.from([99]), at);
    using reader = LogReader.open(files, directory);
    assert.equal((await reader.read(1, log.tip.txId, 100_000)).lastTxId, 1);
    await assert.rejects(
      reader.read(2, log.tip.txId, 100_000),
      (error) => isQuorateError(error) && error.code === 'LOG_CORRUPT',
    );
  });

  it('reads the new history after a truncation once it was told to forget', async () => {
    const { files, log } = logWith([[10, 11], [4000], [4000], [12, 13]]);
    using reader = LogReader.open(files, directory);
    await readAll(reader, 1, log.tip.txId, 1000);
    log.truncateAfter(1);
    reader.forget();
    appendFrame(log, [77, 78, 79]);
    const hashes = (await readAll(reader, 1, log.tip.txId, 1000)).flatMap((batch) =>
      [...decodeRecords(batch.bytes)].map(hashOf),
    );
    assert.deepEqual(hashes, hashesOf(log));
  });
});

describe('the cost of a log reader', () => {
  const manyFrames = Array.from({ length: 3000 }, () => [500, 500]);

  it('is a small part of a segment for a seek in a large one that was read before', async () => {
    const { files: plain, log } = logWith(manyFrames, 8 * 1024 * 1024);
    const { files, counts } = observed(plain);
    using reader = LogReader.open(files, directory);
    await readAll(reader, 1, log.tip.txId, 300_000);
    for (const txId of [5900, 100, 3001, 2999]) {
      const before = counts.bytes;
      await reader.positionOf(txId);
      assert.ok(counts.bytes - before <= 600_000, `${counts.bytes - before} bytes read for transaction ${txId}`);
    }
  });

  it('is one read for each new frame at the tip', async () => {
    const { files: plain, log } = logWith(manyFrames, 8 * 1024 * 1024);
    const { files, counts } = observed(plain);
    using reader = LogReader.open(files, directory);
    await readAll(reader, log.tip.txId - 10, log.tip.txId, 1_000_000);
    for (let frame = 0; frame < 300; frame += 1) {
      appendFrame(log, [2000]);
      const before = counts.reads;
      await reader.read(log.tip.txId, log.tip.txId, 1_000_000);
      assert.equal(counts.reads - before, 1);
    }
  });

  it('is a bounded number of open files, and none after close', async () => {
    const { files: plain, log } = logWith(Array.from({ length: 30 }, () => [5000]));
    const { files, counts } = observed(plain);
    const reader = LogReader.open(files, directory);
    await readAll(reader, 1, log.tip.txId, 1000);
    assert.ok(counts.open <= 8, `${counts.open} files are open`);
    reader.close();
    assert.equal(counts.open, 0);
    await assert.rejects(reader.read(1, 1, 1), { code: 'CANCELLED' });
  });
});

describe('a log reader on real files', () => {
  it('ends its calls with their result or CANCELLED when it forgets and closes under them', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'quorate-reader-'));
    try {
      const log = TransactionLog.create(nodeFileSystem, folder, databaseId, smallSegments);
      for (let frame = 0; frame < 30; frame += 1) {
        appendFrame(log, [1000, 2000]);
      }
      const reader = LogReader.open(nodeFileSystem, folder);
      for (let round = 0; round < 20; round += 1) {
        const calls = [1, 20, 40, 59].map((txId) => reader.read(txId, 60, 3000));
        reader.forget();
        const batches = await Promise.all(calls);
        assert.deepEqual(
          batches.map((batch) => batch.firstTxId),
          [1, 20, 40, 59],
        );
      }
      const last = [1, 20, 40].map((txId) => reader.read(txId, 60, 3000));
      reader.close();
      for (const result of await Promise.allSettled(last)) {
        assert.ok(result.status === 'fulfilled' || result.reason.code === 'CANCELLED');
      }
      log.close();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
