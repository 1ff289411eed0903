import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { markerOf } from './marker.ts';
import { type KeyRange, PinnedSnapshot, type RangeDigest, SnapshotConnection } from './pinned-snapshot.ts';
import { decodeValues } from './row-image.ts';
import { ReplicatedPair } from './testing/replicated-pair.ts';

const limits = { rangeRows: 100, rangeBytes: 1 << 20, answerBytes: 1 << 24 };
const nothing = new Uint8Array(0);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const digests = (ranges: readonly RangeDigest[]) => ranges.map(({ rows, digest }) => `${rows} ${hex(digest)}`);

function filledPair(): ReplicatedPair {
  const pair = new ReplicatedPair();
  pair.run('CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, extra)');
  pair.run(
    'CREATE TABLE tags (name TEXT COLLATE NOCASE, number INTEGER, note, PRIMARY KEY (name, number)) WITHOUT ROWID',
  );
  pair.run('CREATE TRIGGER counted AFTER INSERT ON items BEGIN SELECT 1; END');
  pair.run(
    "WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 450) INSERT INTO items SELECT i * 3, i, x'00' FROM n",
  );
  pair.run(
    "WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 250) INSERT INTO tags SELECT iif(i % 2, 'a', 'B') || i, i, NULL FROM n",
  );
  return pair;
}

function edit(file: string, sql: string): void {
  const db = new DatabaseSync(file, { enableForeignKeyConstraints: false });
  db.exec(sql);
  db.close();
}

test('equal files have equal ranges, whatever their role', () => {
  using pair = filledPair();
  using one = PinnedSnapshot.open(pair.primaryFile);
  using two = PinnedSnapshot.open(pair.replicaFile);
  assert.deepEqual(two.overview(), one.overview());
  for (const table of ['items', 'tags']) {
    const ranges = one.ranges(table, nothing, limits);
    assert.equal(
      ranges.reduce((sum, { rows }) => sum + rows, 0),
      table === 'items' ? 450 : 250,
    );
    assert.equal(ranges.length, table === 'items' ? 5 : 3);
    assert.deepEqual(digests(two.measure(table, ranges)), digests(ranges));
  }
});

test('ranges that are cut in several answers are the same as in one', () => {
  using pair = filledPair();
  using snapshot = PinnedSnapshot.open(pair.primaryFile);
  const whole = snapshot.ranges('tags', nothing, limits);
  const pieces: RangeDigest[] = [];
  do {
    pieces.push(...snapshot.ranges('tags', pieces.at(-1)?.through ?? nothing, { ...limits, answerBytes: 1 }));
  } while (hex(pieces.at(-1)?.through ?? nothing) !== '');
  assert.deepEqual(digests(pieces), digests(whole));
});

test('an edited, a missing and an added row each change the digest of their range, and only of it', () => {
  using pair = filledPair();
  edit(pair.replicaFile, "UPDATE items SET extra = '' WHERE id = 30");
  edit(pair.replicaFile, 'DELETE FROM items WHERE id = 900');
  edit(pair.replicaFile, 'INSERT INTO items (id) VALUES (5000)');
  using one = PinnedSnapshot.open(pair.primaryFile);
  using two = PinnedSnapshot.open(pair.replicaFile);
  const ranges = one.ranges('items', nothing, limits);
  const theirs = two.measure('items', ranges);
  const different = ranges.flatMap((range, i) => (hex(range.digest) === hex(theirs[i]!.digest) ? [] : [i]));
  assert.deepEqual(different, [0, 2, 4]);
});

test('the rows of a range come in pages, each once, with keys for people', () => {
  using pair = filledPair();
  using snapshot = PinnedSnapshot.open(pair.primaryFile);
  const first = snapshot.ranges('tags', nothing, limits)[0] as KeyRange;
  const seen: unknown[] = [];
  let range = first;
  for (let done = false; !done; ) {
    const page = snapshot.rows('tags', range, { maxRows: 30, maxBytes: 1 << 20, content: false });
    seen.push(...page.rows.map(({ readableKey }) => readableKey));
    done = page.done;
    range = { ...range, after: page.rows.at(-1)!.key };
  }
  assert.equal(seen.length, 100);
  assert.equal(new Set(seen.map((key) => JSON.stringify(key))).size, 100);
  assert.deepEqual(seen[0], { name: 'a1', number: 1 });
});

test('a pinned snapshot does not see what is written after it', () => {
  using pair = filledPair();
  using snapshot = PinnedSnapshot.open(pair.primaryFile);
  const before = snapshot.ranges('items', nothing, limits);
  pair.run("UPDATE items SET name = 'changed'", 'CREATE TABLE later (x)');
  assert.deepEqual(digests(snapshot.ranges('items', nothing, limits)), digests(before));
  assert.ok(!snapshot.overview().tables.some(({ name }) => name === 'later'));
});

test('text that is no UTF-8 and values that JavaScript cannot tell apart have digests of their own', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (k ANY, v ANY, PRIMARY KEY (k)) STRICT, WITHOUT ROWID');
  pair.run("INSERT INTO t VALUES (CAST(x'ff' AS TEXT), 1), (CAST(x'fe' AS TEXT), 1.0), (x'ff', '1'), (3, x'31')");
  using snapshot = PinnedSnapshot.open(pair.replicaFile);
  const ranges = snapshot.ranges('t', nothing, { ...limits, rangeRows: 1 });
  assert.equal(ranges.length, 4);
  assert.deepEqual(digests(snapshot.measure('t', ranges)), digests(ranges));
  const values = ranges.map(
    (range) => snapshot.rows('t', range, { maxRows: 9, maxBytes: 1 << 20, content: true }).rows,
  );
  assert.deepEqual(
    values.map((rows) => rows.length),
    [1, 1, 1, 1],
  );
});

test('a marker changes nothing where it is applied, and is known for what it is', () => {
  using pair = filledPair();
  const id = Uint8Array.from({ length: 16 }, (_, i) => i);
  const captured = pair.primary.marker(id);
  pair.apply(captured);
  pair.assertEqual();
  assert.deepEqual(markerOf(captured.operations), id);
  assert.equal(markerOf(pair.captured[0]!.operations), undefined);
  assert.throws(() => pair.apply({ ...captured, operations: Uint8Array.of(7, 2, 0, 0) }), { code: 'PROTOCOL_ERROR' });
});

test('each of many columns keeps its own type', () => {
  using pair = new ReplicatedPair();
  const columns = Array.from({ length: 95 }, (_, i) => `c${i}`);
  pair.run(`CREATE TABLE wide (${columns.join(', ')})`);
  const values = columns.map((_, i) => [`'${i}'`, `${i}`, `x'3${i % 10}'`, 'NULL'][i % 4]);
  pair.run(`INSERT INTO wide VALUES (${values.join(', ')})`);
  pair.assertEqual();
  using snapshot = PinnedSnapshot.open(pair.replicaFile);
  const page = { maxRows: 9, maxBytes: 1 << 20, content: true };
  const { rows } = snapshot.rows('wide', { after: nothing, through: nothing }, page);
  const [, ...stored] = decodeValues(rows[0]!.row, 96);
  const kinds = stored.map((value) => (value instanceof Uint8Array ? 'blob' : value === null ? 'null' : typeof value));
  assert.deepEqual(
    kinds,
    columns.map((_, i) => ['string', 'bigint', 'blob', 'null'][i % 4]),
  );
});

test('a file that is not there is said to be replaced just now', () => {
  using pair = new ReplicatedPair();
  assert.throws(() => SnapshotConnection.open(`${pair.directory}/missing.sqlite`), { code: 'UNAVAILABLE' });
});
