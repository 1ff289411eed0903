import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { checkpointFile, FrozenFile, PrimaryConnection, ReadConnection } from './interface.ts';

let folder = '';
let file = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'quorate-frozen-'));
  file = path.join(folder, 'data.sqlite');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const position = (txId: number) => ({ txId, term: 1, hash: new Uint8Array(32).fill(txId) });

function write(connection: PrimaryConnection, txId: number, sql: string): void {
  connection.begin();
  connection.beginClient();
  connection.run({ sql });
  connection.endClient();
  connection.writePosition(position(txId));
  connection.commit();
}

/** A database of ten transactions, all of them in the file. */
function primaryWithRows(): PrimaryConnection {
  const primary = PrimaryConnection.open(file);
  write(primary, 1, 'CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)');
  for (let txId = 2; txId <= 10; txId += 1) {
    write(primary, txId, 'INSERT INTO t (v) VALUES (randomblob(10000))');
  }
  assert.equal(primary.checkpoint('passive').complete, true);
  return primary;
}

test('a frozen file stays as it is, byte by byte, whatever is written and however often it is checkpointed', () => {
  using primary = primaryWithRows();
  const before = readFileSync(file);
  {
    using frozen = FrozenFile.open(file);
    assert.deepEqual({ ...frozen.position }, position(10));
    for (let txId = 11; txId <= 60; txId += 1) {
      write(primary, txId, 'UPDATE t SET v = randomblob(100000)');
      assert.equal(primary.checkpoint('passive').complete, false);
    }
    checkpointFile(file);
    assert.ok(before.equals(readFileSync(file)));
    // Others see what was written.
    using reader = ReadConnection.open(file);
    assert.equal(reader.readPosition().txId, 60);
  }
  checkpointFile(file);
  assert.ok(!before.equals(readFileSync(file)));
});

test('while checkpoints are held, commits leave them, and afterwards they make them again', () => {
  using primary = primaryWithRows();
  const before = readFileSync(file);
  const manyPages = 'INSERT INTO t (v) SELECT randomblob(20000000)';
  primary.holdCheckpoints(true);
  write(primary, 11, manyPages);
  assert.ok(before.equals(readFileSync(file)));
  primary.holdCheckpoints(false);
  write(primary, 12, manyPages);
  assert.ok(!before.equals(readFileSync(file)));
});
