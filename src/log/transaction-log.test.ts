import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, it } from 'node:test';
import { nodeFileSystem } from '../runtime/interface.ts';
import { encodeRecord, genesisHash, TransactionLog } from './interface.ts';
import {
  appendFrame,
  appendUnsynced,
  databaseId,
  directory,
  hashesOf,
  sampleFields,
  simulatedFiles,
} from './testing/sample-log.ts';

const folders: string[] = [];

function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'quorate-log-'));
  folders.push(folder);
  return folder;
}

afterEach(() => {
  for (const folder of folders.splice(0)) {
    rmSync(folder, { recursive: true, force: true });
  }
});

const smallSegments = { segmentSizeBytes: 8192 };

/** Ten transactions in five frames over several segments. */
function sampleLog(files = simulatedFiles()) {
  const log = TransactionLog.create(files, directory, databaseId, smallSegments);
  for (const sizes of [[10, 20, 30], [1500], [0, 700], [1200, 1, 1], [3000]]) {
    appendFrame(log, sizes);
  }
  return { files, log };
}

describe('a transaction log on real files', () => {
  it('has after closing and opening what was appended and synced', () => {
    const folder = path.join(temporaryFolder(), 'db', 'log');
    assert.equal(TransactionLog.exists(nodeFileSystem, folder), false);
    const log = TransactionLog.create(nodeFileSystem, folder, databaseId, smallSegments);
    for (let frame = 0; frame < 40; frame += 1) {
      appendFrame(log, [frame * 20, 0, frame]);
      log.prepareNextSegment(1000);
    }
    const { tip } = log;
    const hashes = hashesOf(log);
    log.close();
    assert.equal(TransactionLog.exists(nodeFileSystem, folder), true);
    const reopened = TransactionLog.open(nodeFileSystem, folder);
    assert.deepEqual(reopened.report, { cutBytes: 0, records: 120 });
    assert.deepEqual(reopened.log.tip, tip);
    assert.deepEqual(reopened.log.durable, tip);
    assert.deepEqual(Buffer.from(reopened.log.databaseId), Buffer.from(databaseId));
    assert.deepEqual(hashesOf(reopened.log), hashes);
    reopened.log.close();
    assert.ok(nodeFileSystem.listSync(folder).length > 3, 'the log has several segments');
    assert.ok(nodeFileSystem.listSync(folder).every((name) => name.endsWith('.qlog')));
  });

  it('cuts and appends on after a truncation', () => {
    const folder = temporaryFolder();
    const log = TransactionLog.create(nodeFileSystem, folder, databaseId, smallSegments);
    for (let frame = 0; frame < 9; frame += 1) {
      appendFrame(log, [700, 700]);
    }
    log.truncateAfter(3);
    appendFrame(log, [1]);
    const { tip } = log;
    log.close();
    const reopened = TransactionLog.open(nodeFileSystem, folder);
    assert.deepEqual(reopened.report, { cutBytes: 0, records: 4 });
    assert.deepEqual(reopened.log.tip, tip);
    reopened.log.close();
  });
});

describe('a transaction log', () => {
  it('begins empty, before the first transaction', () => {
    const log = TransactionLog.create(simulatedFiles(), directory, databaseId, smallSegments);
    assert.deepEqual(log.tip, { txId: 0, term: 0, hash: genesisHash(databaseId) });
    assert.deepEqual({ first: log.firstTxId, records: hashesOf(log) }, { first: 1, records: [] });
  });

  it('is not made over another one', () => {
    const { files } = sampleLog();
    assert.throws(() => TransactionLog.create(files, directory, databaseId), { code: 'DATABASE_EXISTS' });
  });

  it('gives the records back as they were appended', () => {
    const { log } = sampleLog();
    const expected = [10, 20, 30, 1500, 0, 700, 1200, 1, 1, 3000];
    const records = [...log.records(1)];
    assert.deepEqual(
      records.map((record) => record.txId),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    assert.deepEqual(
      records.map((record) => record.operations.length),
      expected,
    );
    assert.ok(records.every((record) => record.operations.every((byte) => byte === record.txId)));
    assert.deepEqual(
      [...log.records(6)].map((record) => record.txId),
      [6, 7, 8, 9, 10],
    );
    assert.deepEqual([...log.records(11)], []);
  });

  it('knows the position of each transaction, of the one before the first, and of no other', () => {
    const { log } = sampleLog();
    let hash = genesisHash(databaseId);
    assert.deepEqual(log.positionOf(0), { txId: 0, term: 0, hash: Buffer.from(hash) });
    for (const record of log.records(1)) {
      hash = encodeRecord(record, hash).hash;
      assert.deepEqual(log.positionOf(record.txId), { txId: record.txId, term: 1, hash: Buffer.from(hash) });
    }
    assert.deepEqual([log.positionOf(11), log.positionOf(-1)], [undefined, undefined]);
  });

  it('refuses an append before the last frame is synced, and one that does not continue it', () => {
    const { log } = sampleLog();
    appendUnsynced(log, [5]);
    assert.equal(log.tip.txId, 11);
    assert.equal(log.durable.txId, 10);
    assert.throws(() => appendUnsynced(log, [5]), { code: 'INTERNAL' });
    log.sync();
    assert.equal(log.durable.txId, 11);
    const { bytes, hash } = encodeRecord(sampleFields(14), log.tip.hash);
    assert.throws(() => log.append(bytes, 1, { txId: 14, term: 1, hash }), { code: 'INTERNAL' });
  });

  it('puts a frame that is larger than a segment into a segment of its own size, also as the first one', () => {
    const files = simulatedFiles();
    const log = TransactionLog.create(files, directory, databaseId, smallSegments);
    appendFrame(log, [100_000]);
    appendFrame(log, [300_000, 1]);
    appendFrame(log, [2]);
    assert.equal(files.listSync(directory).length, 3);
    log.close();
    const { log: reopened } = TransactionLog.open(files, directory, smallSegments);
    assert.deepEqual(
      [...reopened.records(1)].map((record) => record.operations.length),
      [100_000, 300_000, 1, 2],
    );
    assert.equal(reopened.sizeBytes > 400_000, true);
  });

  it('continues a position that it was given, for a database that began as a snapshot', () => {
    const { log: upstream } = sampleLog();
    const files = simulatedFiles();
    const after = upstream.tip;
    const log = TransactionLog.create(files, directory, databaseId, { ...smallSegments, after });
    assert.deepEqual([log.firstTxId, log.tip, log.positionOf(10)], [11, after, after]);
    appendFrame(log, [1]);
    log.close();
    const reopened = TransactionLog.open(files, directory);
    assert.deepEqual([reopened.log.firstTxId, reopened.log.tip.txId, reopened.report.records], [11, 11, 1]);
  });

  it('takes over a segment that was prepared in small steps, without zeroing it again', () => {
    const files = simulatedFiles();
    const log = TransactionLog.create(files, directory, databaseId, { segmentSizeBytes: 100_000 });
    appendFrame(log, [40_000]);
    log.prepareNextSegment(1000);
    assert.equal(
      files.existsSync(`${directory}/next.tmp`),
      false,
      'nothing is prepared before half of the room is used',
    );
    appendFrame(log, [40_000]);
    for (let step = 0; step < 200; step += 1) {
      log.prepareNextSegment(1000);
    }
    assert.equal(files.readFileSync(`${directory}/next.tmp`).length, 100_000);
    const before = files.operations;
    appendFrame(log, [40_000]);
    // Header, its sync, rename, sync of the directory, frame, its sync.
    assert.equal(files.operations - before, 6);
    assert.equal(files.existsSync(`${directory}/next.tmp`), false);
  });

  it('stops using the disk after a failed fsync, until it is opened again', () => {
    const { files, log } = sampleLog();
    appendUnsynced(log, [5]);
    files.planFaults(({ kind }) => (kind === 'sync' ? 'io-error' : undefined));
    assert.throws(() => log.sync(), { code: 'IO_ERROR' });
    files.planFaults(() => undefined);
    for (const use of [() => log.sync(), () => appendUnsynced(log, [1]), () => log.truncateAfter(1)]) {
      assert.throws(use, { code: 'IO_ERROR' });
    }
    assert.equal(log.durable.txId, 10);
    log.close();
  });

  it('reports a full disk, keeps its place, and goes on when there is room', () => {
    const { files, log } = sampleLog();
    const { tip } = log;
    for (const length of [100, 1000, 6000]) {
      files.planFaults(({ kind }) => (kind === 'write' ? 'disk-full' : undefined));
      assert.throws(() => appendUnsynced(log, [length, length]), { code: 'DISK_FULL' });
      assert.deepEqual([log.tip, log.durable], [tip, tip]);
      log.prepareNextSegment(1000);
      assert.throws(() => appendUnsynced(log, [3]), { code: 'DISK_FULL' });
      files.planFaults(() => undefined);
    }
    appendFrame(log, [3]);
    log.close();
    const reopened = TransactionLog.open(files, directory);
    assert.deepEqual(reopened.report, { cutBytes: 0, records: 11 });
  });
});

describe('a frame that could not be written', () => {
  it('leaves nothing behind in the file', () => {
    const { files, log } = sampleLog();
    const segment = `${directory}/${files.listSync(directory).at(-1)}`;
    const before = files.readFileSync(segment);
    let writes = 0;
    files.planFaults(({ kind }) => (kind === 'write' && ++writes === 1 ? 'disk-full' : undefined));
    assert.throws(() => appendUnsynced(log, [100, 100]), { code: 'DISK_FULL' });
    assert.equal(writes > 1, true);
    assert.deepEqual(files.readFileSync(segment), before);
  });

  it('does not appear after a power loss, although the disk may have got all of its bytes', () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const { files, log } = sampleLog(simulatedFiles(seed));
      let writes = 0;
      files.planFaults(({ kind }) => (kind === 'write' && ++writes === 1 ? 'io-error' : undefined));
      assert.throws(() => appendUnsynced(log, [10]), { code: 'IO_ERROR' });
      files.losePower();
      assert.equal(TransactionLog.open(files, directory).log.tip.txId, 10, `seed ${seed}`);
    }
  });
});

describe('truncateAfter', () => {
  it('leaves exactly the transactions up to any one, and a log that can be continued', () => {
    const { log: whole } = sampleLog();
    const hashes = hashesOf(whole);
    for (let txId = 0; txId <= 10; txId += 1) {
      const { files, log } = sampleLog();
      log.truncateAfter(txId);
      assert.equal(log.tip.txId, txId);
      assert.deepEqual(hashesOf(log), hashes.slice(0, txId));
      appendFrame(log, [50, 60]);
      const continued = hashesOf(log);
      log.close();
      const reopened = TransactionLog.open(files, directory);
      assert.equal(reopened.report.cutBytes, 0);
      assert.deepEqual(hashesOf(reopened.log), continued);
      assert.deepEqual(continued.slice(0, txId), hashes.slice(0, txId));
      assert.equal(continued.length, txId + 2);
    }
  });

  it('changes nothing when the disk has no room for the shortened segment', () => {
    const { files, log } = sampleLog();
    files.planFaults(({ kind }) => (kind === 'write' ? 'disk-full' : undefined));
    assert.throws(() => log.truncateAfter(5), { code: 'DISK_FULL' });
    files.planFaults(() => undefined);
    assert.equal(hashesOf(log).length, 10);
    appendFrame(log, [1]);
    assert.equal(TransactionLog.open(files, directory).log.tip.txId, 11);
  });

  it('refuses a transaction that the log does not have', () => {
    const { log } = sampleLog();
    assert.throws(() => log.truncateAfter(11), { code: 'INTERNAL' });
  });
});
