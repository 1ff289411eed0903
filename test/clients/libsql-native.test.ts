import assert from 'node:assert/strict';
import { test } from 'node:test';
import Database from 'libsql';
import { createDatabase, startHranaServer } from '../hrana-server.ts';

const hrana = await startHranaServer();
// It speaks HTTP only, and blocks its thread while it waits; the server is another process.
const url = hrana.url('http', await createDatabase(hrana, 'native'));

test('libsql (native driver, remote): statements, values, transactions', async (t) => {
  const db = new Database(url, { authToken: hrana.token } as Database.Options);
  t.after(() => db.close());
  db.exec(
    'CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE, data BLOB); CREATE INDEX item_name ON item (name);',
  );

  await t.test('a statement that is prepared once runs with many values', () => {
    const insert = db.prepare('INSERT INTO item (name, data) VALUES (?, ?)');
    const facts = [insert.run('one', Buffer.from([1, 2])), insert.run('two', null)];
    assert.deepEqual(
      facts.map(({ changes, lastInsertRowid }) => [changes, lastInsertRowid]),
      [
        [1, 1],
        [1, 2],
      ],
    );
    const rows = db.prepare('SELECT id, name, data FROM item ORDER BY id').all() as {
      name: string;
      data: Uint8Array | null;
    }[];
    assert.deepEqual(
      rows.map(({ name }) => name),
      ['one', 'two'],
    );
    assert.deepEqual(Buffer.from(rows[0]?.data ?? []), Buffer.from([1, 2]));
    assert.deepEqual(db.prepare('SELECT name FROM item WHERE id = ?').raw().get(2), ['two']);
  });

  await t.test('columns are described before a statement runs', () => {
    const columns = db.prepare('SELECT id, name AS n FROM item').columns();
    assert.deepEqual(
      columns.map(({ name }) => name),
      ['id', 'n'],
    );
  });

  await t.test('errors have a code, and the connection goes on', () => {
    assert.throws(
      () => db.prepare("INSERT INTO item (name) VALUES ('one')").run(),
      /UNIQUE constraint failed: item.name/,
    );
    assert.throws(() => db.prepare('SELECT * FROM nowhere'), /no such table/);
    assert.deepEqual(db.prepare('SELECT count(*) FROM item').raw().get(), [2]);
  });

  await t.test('a transaction commits as a whole or not at all', () => {
    const insertAll = db.transaction((names: readonly string[]) => {
      for (const name of names) {
        db.prepare('INSERT INTO item (name) VALUES (?)').run(name);
      }
    });
    insertAll(['three', 'four']);
    assert.throws(() => insertAll(['five', 'one']), /UNIQUE/);
    const names = (db.prepare('SELECT name FROM item ORDER BY id').raw().all() as string[][]).flat();
    assert.deepEqual(names, ['one', 'two', 'three', 'four']);
  });
});
