import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect } from '@tursodatabase/serverless';
import { createDatabase, startHranaServer } from '../hrana-server.ts';

const hrana = await startHranaServer();

test('@tursodatabase/serverless: statements by cursor, batches, transactions', async () => {
  const url = hrana.url('http', await createDatabase(hrana, 'serverless'));
  const db = connect({ url, authToken: hrana.token });
  await db.exec('CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE)');
  const insert = await db.prepare('INSERT INTO item (name) VALUES (?)');
  const { changes, lastInsertRowid } = (await insert.run(['one'])) as { changes: number; lastInsertRowid: number };
  assert.deepEqual([changes, lastInsertRowid], [1, 1]);
  await assert.rejects(insert.run(['one']), /UNIQUE constraint failed: item.name/);
  const insertAll = db.transaction(async (names: readonly string[]) => {
    for (const name of names) {
      await insert.run([name]);
    }
  });
  await insertAll(['two', 'three']);
  await assert.rejects(insertAll(['four', 'one']), /UNIQUE/);
  const select = await db.prepare('SELECT name FROM item ORDER BY id');
  const rows = (await select.all()) as { name: string }[];
  assert.deepEqual(
    rows.map(({ name }) => name),
    ['one', 'two', 'three'],
  );
  await db.close();
});
