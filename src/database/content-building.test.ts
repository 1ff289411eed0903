import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { primarySettings } from '../../test/test-database.ts';
import { TransactionLog } from '../log/interface.ts';
import { createSeededRandom, type FileSystem, SimulatedFileSystem } from '../runtime/interface.ts';
import { buildContent } from './content-building.ts';
import { contentPath, logPath, sqlitePath } from './content-directory.ts';
import { readSettings, writeSettings } from './settings-file.ts';

const databaseDirectory = '/data/db';
const received = path.join(databaseDirectory, 'snapshot', 'data.sqlite');
const databaseId = new Uint8Array(16).fill(7);
const position = { txId: 500, term: 3, hash: new Uint8Array(32).fill(9) };
const header = { snapshotId: '0123456789abcdef', sizeBytes: 10, databaseId, position };

function writeDurably(files: FileSystem, filePath: string, text: string): void {
  files.makeDirectorySync(path.dirname(filePath));
  for (let folder = path.dirname(filePath); folder !== '/'; folder = path.dirname(folder)) {
    files.syncDirectorySync(path.dirname(folder));
  }
  files.writeFileAtomicSync(filePath, Buffer.from(text));
}

/** A database with content, and a received snapshot beside it. */
function prepared(seed: number): SimulatedFileSystem {
  const files = new SimulatedFileSystem(createSeededRandom(seed));
  writeDurably(files, sqlitePath(contentPath(databaseDirectory, 1)), 'old data');
  writeDurably(files, received, 'new data');
  TransactionLog.create(files, logPath(contentPath(databaseDirectory, 1)), databaseId).close();
  writeSettings(files, databaseDirectory, { settings: primarySettings, content: 1 });
  return files;
}

function install(files: FileSystem): void {
  buildContent(files, { databaseDirectory, content: 2, header, filePath: received, segmentSizeBytes: 65_536 });
  writeSettings(files, databaseDirectory, { settings: primarySettings, content: 2 });
}

test('a power loss at any moment of the installation leaves the whole old content or the whole new one', () => {
  const seen = new Set<number>();
  const total = (() => {
    const files = prepared(1);
    const before = files.operations;
    install(files);
    return files.operations - before;
  })();
  for (let seed = 1; seed <= 4; seed += 1) {
    for (let moment = 0; moment <= total; moment += 1) {
      const files = prepared(seed);
      const begin = files.operations;
      files.planFaults(({ index }) => (index === begin + moment ? 'power-loss' : undefined));
      try {
        install(files);
      } catch {
        // The machine went down.
      }
      files.losePower();
      const { content } = readSettings(files, databaseDirectory);
      const directory = contentPath(databaseDirectory, content);
      const { log } = TransactionLog.open(files, logPath(directory));
      assert.equal(log.tip.txId, content === 1 ? 0 : 500);
      const data = Buffer.from(files.readFileSync(sqlitePath(directory))).toString();
      assert.equal(data, content === 1 ? 'old data' : 'new data');
      seen.add(content);
    }
  }
  assert.deepEqual([...seen].sort(), [1, 2]);
});
