import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { readStatements } from './statement-text.ts';

function only(sql: string) {
  const [statement, ...others] = readStatements(sql);
  assert.equal(others.length, 0);
  assert.ok(statement !== undefined);
  return statement;
}

test('the words of transactions are understood in every form that SQLite takes', () => {
  const forms: readonly [string, unknown][] = [
    ['BEGIN', { action: 'begin', mode: 'deferred' }],
    ['begin /* x */ deferred transaction;', { action: 'begin', mode: 'deferred' }],
    ['BEGIN IMMEDIATE', { action: 'begin', mode: 'immediate' }],
    ['BEGIN EXCLUSIVE TRANSACTION', { action: 'begin', mode: 'immediate' }],
    ['BEGIN TRANSACTION READONLY', { action: 'begin', mode: 'readonly' }],
    ['COMMIT', { action: 'commit' }],
    ['END TRANSACTION', { action: 'commit' }],
    ['ROLLBACK', { action: 'rollback' }],
    ['ROLLBACK TRANSACTION', { action: 'rollback' }],
    ['ROLLBACK TO "My Point"', { action: 'rollback-to', name: 'my point' }],
    ['ROLLBACK TRANSACTION TO SAVEPOINT a', { action: 'rollback-to', name: 'a' }],
    ['ROLLBACK TO savepoint', { action: 'rollback-to', name: 'savepoint' }],
    ['SAVEPOINT a', { action: 'savepoint', name: 'a' }],
    ['RELEASE SAVEPOINT a', { action: 'release', name: 'a' }],
    ['RELEASE savepoint', { action: 'release', name: 'savepoint' }],
  ];
  for (const [sql, command] of forms) {
    assert.deepEqual(only(sql).command, command, sql);
  }
});

test('what only looks like them is left to SQLite', () => {
  for (const sql of ['BEGIN NOW', 'BEGIN IMMEDIATE DEFERRED', 'COMMIT WORK', 'ROLLBACK a', 'SAVEPOINT', 'SELECT 1']) {
    assert.equal(only(sql).command, undefined, sql);
  }
});

test('statements are told apart by what they do', () => {
  const facts = (sql: string) => {
    const { kind, inserts, isReadOnly, isExplain } = only(sql);
    return [kind, inserts, isReadOnly, isExplain];
  };
  assert.deepEqual(facts('WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x'), ['write', true, false, false]);
  assert.deepEqual(facts('WITH x AS (SELECT 1) DELETE FROM t'), ['write', false, false, false]);
  assert.deepEqual(facts('REPLACE INTO t VALUES (1)'), ['write', true, false, false]);
  assert.deepEqual(facts('EXPLAIN INSERT INTO t VALUES (1)'), ['read', false, true, true]);
  assert.deepEqual(facts('PRAGMA table_info(t)'), ['pragma', false, true, false]);
  assert.deepEqual(facts('PRAGMA user_version = 3'), ['pragma', false, false, false]);
});

test('PRAGMA foreign_keys is known in its forms', () => {
  const forms = {
    'PRAGMA foreign_keys': 'ask',
    'pragma main.foreign_keys(0)': 'off',
    'PRAGMA foreign_keys = YES': 'on',
  };
  for (const [sql, meaning] of Object.entries(forms)) {
    assert.equal(only(sql).foreignKeys, meaning, sql);
  }
});

test('a text of several statements is cut where SQLite cuts it, not inside strings, comments and triggers', () => {
  const trigger = 'CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT 3; END';
  const texts = ["SELECT ';' -- ;", 'SELECT 1 /* ; */ + 1', trigger, 'SELECT "a;b"'];
  const statements = readStatements(`;${texts.join('\n;')};;`).map(({ sql }) => sql);
  assert.deepEqual(statements, ["SELECT ';'", 'SELECT 1 /* ; */ + 1', trigger, 'SELECT "a;b"']);
});

test('a numbered parameter may stand for a named one before it', () => {
  assert.deepEqual(only('SELECT :b, @a, ?1, ?, $c').parameters.names, [':b', '@a', null, '$c']);
});

test('parameters are listed up to where SQLite refuses the statement', () => {
  using db = new DatabaseSync(':memory:');
  assert.ok(db.prepare('SELECT ?32766'));
  assert.equal(only('SELECT ?32766').parameters.names.length, 32_766);
  for (const sql of ['SELECT ?32767', 'SELECT ?36854775807', 'SELECT ?0', 'SELECT ?32766, ?']) {
    assert.throws(() => db.prepare(sql), /variable number|too many SQL variables/, sql);
    assert.ok(only(sql).parameters.names.length <= 32_766, sql);
  }
  const many = Array.from({ length: 100_000 }, (_, index) => `:p${index}`);
  assert.equal(only(`SELECT ${many}`).parameters.names.length, 32_766);
});
