import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { inverseOperations } from './inverse-operations.ts';
import { logicalDigest } from './logical-digest.ts';
import { PinnedSnapshot, type SnapshotRow } from './pinned-snapshot.ts';
import type { WantedRow } from './row-repair.ts';
import { ReplicatedPair, type Sql } from './testing/replicated-pair.ts';
import type { CapturedTransaction } from './types.ts';

const nothing = new Uint8Array(0);

function schemaPair(): ReplicatedPair {
  const pair = new ReplicatedPair();
  pair.run('CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT UNIQUE)');
  pair.run(
    'CREATE TABLE child (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parent ON DELETE CASCADE ON UPDATE CASCADE, v)',
  );
  pair.run('CREATE TABLE pairs (a TEXT COLLATE NOCASE, b, v, PRIMARY KEY (a, b)) WITHOUT ROWID');
  pair.run('CREATE TABLE loose (v)');
  pair.run('CREATE VIRTUAL TABLE words USING fts5(text)');
  pair.run('CREATE TRIGGER follow AFTER INSERT ON parent BEGIN INSERT INTO loose VALUES (new.name); END');
  pair.run(
    "INSERT INTO parent VALUES (1, 'one'), (2, 'two'), (3, 'three')",
    "INSERT INTO child VALUES (1, 1, 'x'), (2, 1, NULL), (3, 2, x'00')",
  );
  pair.run("INSERT INTO pairs VALUES ('a', 1, 1.5), ('B', CAST(x'ff' AS TEXT), -0.0), ('c', x'', 9223372036854775807)");
  return pair;
}

function undo(pair: ReplicatedPair, transactions: readonly CapturedTransaction[]): void {
  pair.replica.begin();
  try {
    for (const { operations } of transactions.toReversed()) {
      pair.replica.undo(operations);
    }
    pair.replica.commit();
  } catch (error) {
    pair.replica.rollback();
    throw error;
  }
}

const undoable: readonly Sql[][] = [
  ["INSERT INTO words VALUES ('one two'), ('three')", "UPDATE words SET text = 'four' WHERE rowid = 1"],
  ["INSERT INTO parent VALUES (9, 'nine')", "INSERT INTO child VALUES (9, 9, 'y')"],
  ['DELETE FROM parent WHERE id = 1'],
  ["UPDATE parent SET id = 20, name = 'twenty' WHERE id = 2"],
  [
    "UPDATE parent SET name = 'swap' WHERE id = 1",
    "UPDATE parent SET name = 'one' WHERE id = 3",
    "UPDATE parent SET name = 'three' WHERE id = 1",
  ],
  ["UPDATE pairs SET a = 'A', v = CAST(x'fe' AS TEXT) WHERE a = 'a'", "DELETE FROM pairs WHERE a = 'b'"],
  [
    'UPDATE child SET v = 1 WHERE id = 1',
    'UPDATE child SET v = 1.0 WHERE id = 1',
    "INSERT INTO loose VALUES (NULL), ('')",
    'DELETE FROM loose',
  ],
];

test('what was applied is taken back to the byte, each transaction alone and all of them together', () => {
  for (const transactions of [...undoable.map((one) => [one]), undoable]) {
    using pair = schemaPair();
    const before = logicalDigest(pair.replicaFile).digest;
    const captured = transactions.map((statements) => pair.capture(...statements).captured);
    for (const one of captured) {
      pair.apply(one);
    }
    assert.notDeepEqual(logicalDigest(pair.replicaFile).digest, before);
    undo(pair, captured);
    assert.deepEqual(logicalDigest(pair.replicaFile).digest, before, JSON.stringify(transactions));
    for (const one of captured) {
      pair.apply(one);
    }
    pair.assertEqual();
  }
});

test('a transaction that is taken back gives its idempotency key back', () => {
  using pair = schemaPair();
  const keyed = { key: 'order-7', txId: 3, term: 1, timeMs: 1000 };
  pair.primary.begin();
  pair.primary.beginClient();
  pair.primary.run({ sql: "INSERT INTO loose VALUES ('once')" });
  const captured = pair.primary.endClient(keyed);
  pair.primary.commit();
  pair.apply(captured);
  assert.deepEqual([...pair.replica.describe(captured.operations)].at(-1), { kind: 'key', idempotencyKey: 'order-7' });
  const keys = 'SELECT count(*) AS n FROM _quorate_key';
  assert.deepEqual(pair.inspectReplica(keys), [{ n: 1 }]);
  undo(pair, [captured]);
  assert.deepEqual(pair.inspectReplica(keys), [{ n: 0 }]);
});

test('the inverse of the inverse does what the operations do', () => {
  using pair = schemaPair();
  const { captured } = pair.capture(...undoable.flat());
  const twice = inverseOperations(inverseOperations(captured.operations)!)!;
  pair.apply({ ...captured, operations: twice });
  pair.assertEqual();
});

test('what the log does not tell how to take back is refused, and nothing of it is done', () => {
  const refused = [
    'CREATE TABLE later (x)',
    'PRAGMA user_version = 7',
    "INSERT OR REPLACE INTO parent VALUES (1, 'other')",
  ];
  for (const sql of refused) {
    using pair = schemaPair();
    const { captured } = pair.capture("INSERT INTO loose VALUES ('first')", sql);
    pair.apply(captured);
    const before = logicalDigest(pair.replicaFile).digest;
    assert.throws(() => undo(pair, [captured]), { code: 'SNAPSHOT_REQUIRED' }, sql);
    assert.deepEqual(logicalDigest(pair.replicaFile).digest, before);
  }
});

test('a row that is not as the transaction left it is not taken back', () => {
  using pair = schemaPair();
  const { captured } = pair.capture("UPDATE parent SET name = 'changed' WHERE id = 1");
  pair.apply(captured);
  edit(pair, "UPDATE parent SET name = 'by hand' WHERE id = 1");
  assert.throws(() => undo(pair, [captured]), { code: 'DIVERGED' });
});

test('changes are described with the names of columns, and values that JSON lacks keep their type', () => {
  using pair = schemaPair();
  const { captured } = pair.capture("UPDATE pairs SET v = 2.0 WHERE a = 'a'", "DELETE FROM pairs WHERE a = 'c'");
  pair.apply(captured);
  assert.deepEqual(
    [...pair.replica.describe(captured.operations)],
    [
      { kind: 'update', table: 'pairs', key: { a: 'a', b: 1 }, before: { v: 1.5 }, after: { v: { real: '2' } } },
      {
        kind: 'delete',
        table: 'pairs',
        key: { a: 'c', b: { blob: '' } },
        before: { v: { integer: '9223372036854775807' } },
      },
    ],
  );
});

function edit(pair: ReplicatedPair, sql: string): void {
  const db = new DatabaseSync(pair.replicaFile, { enableForeignKeyConstraints: false });
  db.exec(sql);
  db.close();
}

function rowsOf(file: string, table: string): Map<string, SnapshotRow> {
  using snapshot = PinnedSnapshot.open(file);
  const limits = { maxRows: 1000, maxBytes: 1 << 20, content: true };
  const { rows } = snapshot.rows(table, { after: nothing, through: nothing }, limits);
  return new Map(rows.map((row) => [Buffer.from(row.key).toString('hex'), row]));
}

/** What makes a table of the replica equal to that of the primary. */
function wantedRows(pair: ReplicatedPair, table: string): WantedRow[] {
  const right = rowsOf(pair.primaryFile, table);
  const wrong = rowsOf(pair.replicaFile, table);
  return [...new Set([...right.keys(), ...wrong.keys()])].flatMap((key) => {
    const [own, other] = [wrong.get(key), right.get(key)];
    const same = Buffer.compare(own?.digest ?? nothing, other?.digest ?? nothing) === 0;
    return same ? [] : [{ key: Buffer.from(key, 'hex'), found: own?.row ?? nothing, row: other?.row ?? nothing }];
  });
}

function repair(pair: ReplicatedPair, table: string, wanted: readonly WantedRow[]) {
  pair.replica.begin();
  const outcome = pair.replica.repair(table, wanted);
  pair.replica.commit();
  return outcome;
}

test('a repair makes edited, missing and added rows what they are on the primary, also when unique values moved', () => {
  using pair = schemaPair();
  edit(
    pair,
    "UPDATE parent SET name = 'tmp' WHERE id = 1; UPDATE parent SET name = 'one' WHERE id = 2; UPDATE parent SET name = 'two' WHERE id = 1",
  );
  edit(pair, "DELETE FROM parent WHERE id = 3; INSERT INTO parent VALUES (4, 'four')");
  edit(pair, "UPDATE pairs SET a = 'A' WHERE a = 'a'; UPDATE pairs SET v = 0.0 WHERE a = 'b'");
  const { repaired, skipped } = repair(pair, 'parent', wantedRows(pair, 'parent'));
  assert.equal(skipped, 0);
  assert.deepEqual(
    repaired.find(({ key }) => key['id'] === 1),
    {
      key: { id: 1 },
      before: { name: 'two' },
      after: { name: 'one' },
    },
  );
  assert.deepEqual(repaired.find(({ key }) => key['id'] === 4)?.after, null);
  repair(pair, 'pairs', wantedRows(pair, 'pairs'));
  pair.assertEqual();
});

test('a repair leaves rows alone that have changed since they were compared', () => {
  using pair = schemaPair();
  edit(pair, "UPDATE parent SET name = 'wrong' WHERE id = 1");
  const wanted = wantedRows(pair, 'parent');
  edit(pair, "UPDATE parent SET name = 'newer' WHERE id = 1");
  assert.deepEqual(repair(pair, 'parent', wanted), { repaired: [], skipped: 1 });
  assert.deepEqual(pair.queryReplica('SELECT name FROM parent WHERE id = 1'), [{ name: 'newer' }]);
});

test('a repair corrects the columns that are still wrong, and keeps what was written to the others since', () => {
  using pair = new ReplicatedPair();
  pair.run('CREATE TABLE t (id INTEGER PRIMARY KEY, name, counter)');
  pair.run("INSERT INTO t VALUES (1, 'right', 0)");
  edit(pair, "UPDATE t SET name = 'wrong'");
  const wanted = wantedRows(pair, 't');
  pair.run('UPDATE t SET counter = counter + 1');
  assert.equal(repair(pair, 't', wanted).skipped, 0);
  assert.deepEqual(pair.queryReplica('SELECT name, counter FROM t'), [{ name: 'right', counter: 1 }]);
  pair.assertEqual();
});

/** Edits of `schemaPair` by hand, and a transaction that meets what they have left. */
const mismatches: readonly (readonly [edit: string, sql: string, found: readonly unknown[]])[] = [
  ["UPDATE parent SET name = 'by hand' WHERE id = 1", "UPDATE parent SET name = 'new' WHERE id = 1", ['by hand']],
  ['DELETE FROM parent WHERE id = 3', "UPDATE parent SET name = 'new' WHERE id = 3", [null]],
  ['DELETE FROM parent WHERE id = 3', 'DELETE FROM parent WHERE id = 3', [null]],
  ["UPDATE parent SET name = 'by hand' WHERE id = 3", 'DELETE FROM parent WHERE id = 3', ['by hand']],
  ["INSERT INTO parent VALUES (9, 'by hand')", "INSERT INTO parent VALUES (9, 'new')", ['by hand']],
  ["INSERT INTO parent VALUES (8, 'new')", "INSERT INTO parent VALUES (9, 'new')", [null, 'new']],
  ["INSERT INTO parent VALUES (8, 'new')", "UPDATE parent SET name = 'new' WHERE id = 1", ['one', 'new']],
  ["INSERT INTO parent VALUES (8, 'by hand')", 'UPDATE parent SET id = 8 WHERE id = 3', ['three', 'by hand']],
];

test('what a tolerated change meets is told, and then the rows of the change are as on the primary, or missing', () => {
  for (const [byHand, sql, found] of mismatches) {
    using pair = schemaPair();
    edit(pair, byHand);
    const { captured } = pair.capture(sql);
    assert.throws(() => pair.apply(captured), { code: 'DIVERGED' }, sql);
    const told: unknown[] = [];
    pair.replica.begin();
    pair.replica.apply(captured.operations, captured.schemaHash, ({ table, before }) => {
      assert.equal(table, 'parent');
      told.push(before?.['name'] ?? null);
    });
    pair.replica.commit();
    assert.deepEqual(told, found, sql);
    const left = wantedRows(pair, 'parent');
    assert.ok(left.every(({ found: wrong }) => wrong.length === 0) && left.length <= 1, sql);
    repair(pair, 'parent', left);
    pair.assertEqual();
  }
});
