import assert from 'node:assert/strict';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { checkSnapshot, copySnapshot, logicalDigest, PrimaryConnection, ReplicaConnection } from './interface.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'quorate-snapshot-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const position = (txId: number) => ({ txId, term: 1, hash: new Uint8Array(32).fill(txId) });

/** Runs statements as one transaction that leads to `txId`. */
function write(connection: PrimaryConnection, txId: number, ...statements: string[]): void {
  connection.begin();
  connection.beginClient();
  for (const sql of statements) {
    connection.run({ sql });
  }
  connection.endClient();
  connection.writePosition(position(txId));
  connection.commit();
}

test('a snapshot has exactly what was committed when it began, with its position, while writes go on', async () => {
  const source = path.join(folder, 'source.sqlite');
  const target = path.join(folder, 'target.sqlite');
  using primary = PrimaryConnection.open(source);
  write(primary, 1, 'CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB)');
  for (let txId = 2; txId <= 60; txId += 1) {
    write(primary, txId, 'INSERT INTO t (v) VALUES (randomblob(200000))');
  }
  const before = await logicalDigest(source);
  let ended = false;
  const copy = copySnapshot(source, target).finally(() => {
    ended = true;
  });
  let written = 60;
  while (!ended) {
    written += 1;
    write(primary, written, 'INSERT INTO t (v) VALUES (randomblob(1000))');
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(written > 60);
  assert.deepEqual(await copy, position(60));
  assert.deepEqual(checkSnapshot(target), position(60));
  assert.deepEqual((await logicalDigest(target)).digest, before.digest);
});

test('triggers that a replica has suspended stay suspended in its snapshot', async () => {
  const source = path.join(folder, 'source.sqlite');
  {
    using primary = PrimaryConnection.open(source);
    write(primary, 1, 'CREATE TABLE t (id INTEGER PRIMARY KEY)', 'CREATE TABLE u (n INTEGER)');
    write(primary, 2, 'CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO u VALUES (new.id); END');
  }
  using replica = ReplicaConnection.open(source);
  const target = path.join(folder, 'target.sqlite');
  await copySnapshot(source, target);
  using copy = ReplicaConnection.open(target);
  assert.equal(copy.schemaHash, replica.schemaHash);
});

test('a damaged snapshot is refused', async () => {
  const source = path.join(folder, 'source.sqlite');
  const target = path.join(folder, 'target.sqlite');
  using primary = PrimaryConnection.open(source);
  write(primary, 1, 'CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)', 'CREATE INDEX i ON t (v)');
  write(primary, 2, "INSERT INTO t (v) VALUES (hex(randomblob(100000))), ('x')");
  await copySnapshot(source, target);
  const file = openSync(target, 'r+');
  writeSync(file, Buffer.alloc(4096, 0xff), 0, 4096, 4096 * 5);
  closeSync(file);
  assert.throws(() => checkSnapshot(target), { code: 'DATABASE_CORRUPT' });
});
