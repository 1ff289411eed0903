import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classify } from './statement-kind.ts';
import { splitStatements } from './statement-splitter.ts';
import { firstKeyword, identifierOf, quoteIdentifier, tokenize } from './tokenizer.ts';

test('semicolons inside strings, names and comments end no statement', () => {
  const sql = `SELECT ';', "a;b", [c;d], \`e;f\`, 'it''s;' -- x; y\n/* ; */ FROM t; SELECT 2`;
  assert.deepEqual(splitStatements(sql), [sql.slice(0, sql.lastIndexOf(';')), 'SELECT 2']);
});

test('the body of a trigger stays one statement, with CASE … END nested in it', () => {
  const trigger = `CREATE TEMP TRIGGER IF NOT EXISTS a AFTER UPDATE ON t WHEN CASE WHEN 1 THEN 1 END BEGIN
    UPDATE t SET x = CASE WHEN y THEN CASE z WHEN 1 THEN 2 END ELSE 3 END; DELETE FROM u; END`;
  assert.deepEqual(splitStatements(`${trigger}; SELECT 1;`), [trigger, 'SELECT 1']);
});

test('BEGIN and CASE outside of triggers swallow nothing', () => {
  const sql = 'BEGIN; SELECT CASE WHEN 1 THEN 2 END; CREATE TABLE trigger_log (a); END; COMMIT';
  assert.deepEqual(splitStatements(sql), [
    'BEGIN',
    'SELECT CASE WHEN 1 THEN 2 END',
    'CREATE TABLE trigger_log (a)',
    'END',
    'COMMIT',
  ]);
});

test('empty statements and lone comments are left out', () => {
  assert.deepEqual(splitStatements(';; -- nothing\n /* here */ ;'), []);
  assert.deepEqual(splitStatements('-- first\nSELECT 1 -- last\n;'), ['SELECT 1']);
});

test('what is open at the end runs to the end instead of failing', () => {
  assert.deepEqual(splitStatements("SELECT 'open; SELECT 1"), ["SELECT 'open; SELECT 1"]);
  assert.deepEqual(splitStatements('SELECT 1 /* open; SELECT 2'), ['SELECT 1']);
});

test('parameters, numbers and blobs are single tokens', () => {
  const kinds = tokenize("?12 :a @b $c::d 0x1F 1.5e-3 .5 1_000 x'ab' a.b").map((token) => [token.kind, token.text]);
  assert.deepEqual(kinds, [
    ['parameter', '?12'],
    ['parameter', ':a'],
    ['parameter', '@b'],
    ['parameter', '$c::d'],
    ['number', '0x1F'],
    ['number', '1.5e-3'],
    ['number', '.5'],
    ['number', '1_000'],
    ['blob', "x'ab'"],
    ['word', 'A'],
    ['symbol', '.'],
    ['word', 'B'],
  ]);
});

test('a parameter takes its bracket with it, closed or not, and is not looked at again', () => {
  const texts = (sql: string) => tokenize(sql).map(({ text }) => text);
  assert.deepEqual(texts('$a(b), $c(d) e'), ['$a(b)', ',', '$c(d)', 'E']);
  assert.deepEqual(texts('$a($b($c( d'), ['$a($b($c(', 'D']);
});

test('quoting a name and reading it again gives the same name', () => {
  for (const name of ['a"b', 'sp ace', 'ünï', ']x[', "'"]) {
    const quoted = quoteIdentifier(name);
    assert.equal(identifierOf(quoted, tokenize(quoted)[0]!), name);
  }
});

test('a statement is classified by its verb, behind comments and WITH', () => {
  assert.equal(firstKeyword(' /* x */ vacuum'), 'VACUUM');
  assert.equal(classify('WITH a AS (SELECT 1), b(c) AS (DELETE) INSERT INTO t SELECT * FROM a'), 'write');
  assert.equal(classify('with recursive a as (select 1) select * from a'), 'read');
  assert.equal(classify('EXPLAIN DELETE FROM t'), 'read');
  assert.equal(classify('REPLACE INTO t VALUES (1)'), 'write');
  assert.equal(classify('create table t (a)'), 'schema');
  assert.equal(classify('rollback to x'), 'transaction-control');
  assert.equal(classify('PRAGMA user_version'), 'pragma');
  assert.equal(classify('constructor'), 'read');
});
