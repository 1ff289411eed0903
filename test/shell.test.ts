import assert from 'node:assert/strict';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { exitCodeOf } from '../src/errors/interface.ts';
import { type CommandOptions, quorate } from './command-line.ts';
import { adminPassword, follow, ServerFixture, type ServerProcess } from './server-process.ts';
import { hasTerminals, Terminal } from './terminal.ts';

const program = fileURLToPath(new URL('../bin/quorate', import.meta.url));
const skip = hasTerminals ? false : 'there is no script of util-linux, which gives a program a terminal';
const endless = 'WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT max(i) FROM r;\n';

describe('quorate shell', () => {
  const fixture = new ServerFixture({ after });
  const terminals: Terminal[] = [];
  let server: ServerProcess;
  let env: Record<string, string>;

  before(async () => {
    server = await fixture.start('server', '--port=0', '--transaction-idle-timeout=30s');
    env = {
      XDG_CONFIG_HOME: path.join(fixture.root, 'config'),
      XDG_STATE_HOME: path.join(fixture.root, 'state'),
      QUORATE_PORT: String(server.port),
    };
    const login = await run(['login', 'admin'], { input: `${adminPassword}\n` });
    assert.equal(login.exitCode, 0, login.stderr);
  });

  after(() => {
    for (const terminal of terminals) {
      terminal.kill();
    }
  });

  const run = (args: readonly string[], options: CommandOptions = {}) =>
    quorate(args, { ...options, env: { ...env, ...options.env } });

  async function shell(args: readonly string[], input = ''): Promise<string> {
    const { exitCode, stdout, stderr } = await run(['shell', ...args], { input });
    assert.equal(exitCode, 0, stderr);
    assert.equal(stderr, '');
    return stdout;
  }

  async function database(name: string, ...statements: string[]): Promise<string> {
    await (await server.client()).createDatabase({ database: name, role: '', replication: undefined, acks: undefined });
    if (statements.length > 0) {
      await server.execute(name, ...statements);
    }
    return name;
  }

  /** A shell at a terminal that has shown its first prompt. */
  async function open(name: string, more: Record<string, string> = {}, columns = 80): Promise<Terminal> {
    const terminal = new Terminal([process.execPath, program, 'shell', name], {
      env: { ...process.env, ...env, ...more },
      columns,
    });
    terminals.push(terminal);
    await terminal.until(`${name}> `);
    return terminal;
  }

  test('statements over several lines run from a pipe, a trigger among them, and the last needs no semicolon', async () => {
    const name = await database('piped');
    const input = `CREATE TABLE t (a, b); CREATE TABLE log (a);
-- a comment; with a semicolon
CREATE TRIGGER seen AFTER INSERT ON t BEGIN
  INSERT INTO log VALUES (new.a);
END;
INSERT INTO t
  VALUES ('one;', NULL);
.mode csv
SELECT a, b, (SELECT count(*) FROM log) AS n
FROM t`;
    assert.equal(await shell([name], input), 'a,b,n\none;,,1\n');
  });

  test('each mode shows all values as they are', async () => {
    const name = await database('modes');
    const sql = `SELECT 9007199254740993 AS a, 'x,"y' AS b, NULL AS c, x'00ff' AS a`;
    const show = (mode: string) => shell([name, '--mode', mode, '-c', sql]);
    assert.equal(await show('csv'), `a,b,c,a\n9007199254740993,"x,""y",,x'00ff'\n`);
    assert.equal(await show('json'), `[{"a":9007199254740993,"b":"x,\\"y","c":null,"a":{"base64":"AP8="}}]\n`);
    assert.equal(await show('line'), `a = 9007199254740993\nb = x,"y\nc = NULL\na = x'00ff'\n`);
    assert.equal(await show('list'), `a|b|c|a\n9007199254740993|x,"y||x'00ff'\n`);
    assert.match(await show('table'), /^ {15}a {2}b {5}c {5}a\n-+ .*\n9007199254740993 {2}x,"y {2}NULL {2}x'00ff'\n$/);
  });

  test('the first error ends a script with its exit code and line, and takes the open transaction back', async () => {
    const name = await database('failing', 'CREATE TABLE t (a)');
    const input = 'INSERT INTO t VALUES (1);\nBEGIN;\nINSERT INTO t VALUES (2);\nSELECT\n absent;\nCOMMIT;\n';
    const { exitCode, stderr } = await run(['shell', name], { input });
    assert.equal(exitCode, exitCodeOf('SQL_ERROR'));
    assert.match(stderr, /^error: line 4: no such column: absent \(SQL_ERROR\)\n/);
    assert.deepEqual(await server.query(name, 'SELECT a FROM t'), [[1n]]);
  });

  test('a script that ends inside a transaction fails, and nothing of it is there', async () => {
    const name = await database('unfinished', 'CREATE TABLE t (a)');
    const { exitCode, stderr } = await run(['shell', name], { input: 'BEGIN; INSERT INTO t VALUES (1);\n' });
    assert.equal(exitCode, exitCodeOf('TRANSACTION_CLOSED'));
    assert.match(stderr, /hint: End it with COMMIT;/);
    await shell([name], 'BEGIN; INSERT INTO t VALUES (2); SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; COMMIT;');
    assert.deepEqual(await server.query(name, 'SELECT a FROM t'), [[2n]]);
  });

  test('a transaction that the server gave up stays lost until it is ended, and COMMIT says so', { skip }, async () => {
    const impatient = await fixture.start('impatient', '--transaction-idle-timeout=1ms');
    await impatient.execute('defaultdb', 'CREATE TABLE t (a)');
    const { token } = await (await impatient.client()).login('admin', adminPassword);
    const terminal = await open('defaultdb', { QUORATE_PORT: String(impatient.port), QUORATE_TOKEN: token });
    terminal.type('BEGIN;\n');
    await terminal.until('defaultdb*> ');
    // On a busy machine a statement may be there before the time limit is looked at.
    let shown = '';
    while (!shown.endsWith('defaultdb!> ')) {
      terminal.type('INSERT INTO t VALUES (1);\n');
      shown = await terminal.until('> ');
    }
    assert.match(shown, /\(TRANSACTION_TIMEOUT\)\nhint: .*transaction-idle-timeout/);
    terminal.type('INSERT INTO t VALUES (2);\n');
    assert.match(await terminal.until('defaultdb!> '), /\(TRANSACTION_CLOSED\)\nhint: Type ROLLBACK;/);
    terminal.type('COMMIT;\n');
    assert.match(await terminal.until('defaultdb> '), /\(TRANSACTION_CLOSED\)\nhint: Nothing of it was committed/);
    assert.deepEqual(await impatient.query('defaultdb', 'SELECT a FROM t'), []);
    terminal.type('INSERT INTO t VALUES (3);\n');
    await terminal.until('1 row changed');
    terminal.type('.quit\n');
    assert.equal(await terminal.ended, 0);
  });

  test('a COMMIT that a constraint refuses ends the script with its error', async () => {
    const name = await database(
      'refused',
      'CREATE TABLE p (id INTEGER PRIMARY KEY)',
      'CREATE TABLE c (p REFERENCES p)',
    );
    const input = 'BEGIN;\nPRAGMA defer_foreign_keys = ON;\nINSERT INTO c VALUES (1);\nCOMMIT;\n';
    const { exitCode, stderr } = await run(['shell', name], { input });
    assert.equal(exitCode, exitCodeOf('CONSTRAINT_VIOLATION'));
    assert.match(stderr, /^error: line 4: .*\(CONSTRAINT_VIOLATION\)\n/);
    assert.deepEqual(await server.query(name, 'SELECT * FROM c'), []);
  });

  test('a dump rebuilds the database to the same digest', async () => {
    const name = await database(
      'dumped',
      'CREATE TABLE parents (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT COLLATE NOCASE, boss REFERENCES parents)',
      'CREATE TABLE kids (a, b, parent REFERENCES parents (name), twice AS (a || a), PRIMARY KEY (a, b)) WITHOUT ROWID',
      'CREATE UNIQUE INDEX by_name ON parents (name)',
      'CREATE TABLE "odd ""table" ("a b" REAL)',
      'CREATE VIRTUAL TABLE words USING fts5(text)',
      'CREATE VIRTUAL TABLE found USING fts5(name, content=parents, content_rowid=id)',
      'CREATE VIRTUAL TABLE boxes USING rtree(id, x1, x2)',
      "INSERT INTO parents (id, name, boss) VALUES (1, 'it''s', 2), (2, 'a;\nb', 1), (9, NULL, NULL)",
      'DELETE FROM parents WHERE id = 9',
      "INSERT INTO kids (a, b, parent) VALUES (x'00ff', 1e300, 'it''s'), ('nul' || char(0) || 'x', -9223372036854775808, NULL)",
      'INSERT INTO "odd ""table" (rowid, "a b") VALUES (7, 2), (5, 9e999), (11, 0.1)',
      "INSERT INTO words (rowid, text) VALUES (3, 'hello world')",
      "INSERT INTO found (found) VALUES ('rebuild')",
      'INSERT INTO boxes VALUES (1, 0.5, 1.5)',
      'CREATE TABLE husbands (id INTEGER PRIMARY KEY, wife REFERENCES wives)',
      'CREATE TABLE wives (id INTEGER PRIMARY KEY, husband REFERENCES husbands)',
      'INSERT INTO husbands VALUES (1, NULL)',
      'INSERT INTO wives VALUES (1, 1)',
      'UPDATE husbands SET wife = 1',
      'CREATE TABLE log (n)',
      'CREATE TRIGGER counted AFTER INSERT ON parents BEGIN INSERT INTO log VALUES (new.id); END',
      'CREATE VIEW names AS SELECT name FROM parents',
      'PRAGMA user_version = 7',
    );
    const dump = await shell([name, '-c', '.dump']);
    assert.match(dump, /CREATE TRIGGER counted .*;\nCOMMIT;\n$/);
    const copy = await database('rebuilt');
    assert.equal(await shell([copy], dump), '');
    const digest = async (of: string) => (await server.digest(of)).split(' ')[1];
    assert.equal(await digest(copy), await digest(name));
    const [found] = await server.query(copy, "SELECT count(*) FROM found WHERE found MATCH 'it'");
    assert.deepEqual(found, [1n]);
  });

  test('a full-text table that keeps no text is refused in a dump', async () => {
    const name = await database('contentless', "CREATE VIRTUAL TABLE words USING fts5(text, content='')");
    const { exitCode, stderr } = await run(['shell', name, '-c', '.dump']);
    assert.equal(exitCode, exitCodeOf('UNSUPPORTED_STATEMENT'));
    assert.match(stderr, /hint: .*export/);
  });

  test('a CSV file becomes a table, or rows of one that is there', async () => {
    const name = await database('imported', 'CREATE TABLE numbers (n INTEGER, text TEXT)');
    const file = path.join(fixture.root, 'data file.csv');
    writeFileSync(file, 'id,text\r\n1,"two\nlines, ""quoted"""\r\n2,\r\n');
    assert.equal(await shell([name, '-c', `.import '${file}' made`]), '');
    assert.deepEqual(await server.query(name, 'SELECT * FROM made'), [
      ['1', 'two\nlines, "quoted"'],
      ['2', ''],
    ]);
    writeFileSync(file, Array.from({ length: 12_000 }, (_, i) => `${i},row ${i}`).join('\n'));
    await shell([name, '-c', `.import '${file}' numbers`]);
    assert.deepEqual(await server.query(name, 'SELECT count(*), sum(n), typeof(n) FROM numbers'), [
      [12_000n, 71_994_000n, 'integer'],
    ]);
    writeFileSync(file, '1,2\n3\n');
    const { exitCode, stderr } = await run(['shell', name, '-c', `.import '${file}' numbers`]);
    assert.equal(exitCode, exitCodeOf('INVALID_ARGUMENT'));
    assert.match(stderr, /row 2 has 1 values, and the table 2 columns.*\nhint: The 1 rows before it/);
    for (const command of ['.import missing.csv numbers', '.read missing.sql']) {
      const missing = await run(['shell', name, '-c', command]);
      assert.equal(missing.exitCode, exitCodeOf('IO_ERROR'), missing.stderr);
      assert.ok(missing.stderr.includes(`a relative path begins at ${process.cwd()}`), missing.stderr);
    }
  });

  test('commands list the schema without the insides of virtual tables, read files and change the database', async () => {
    const name = await database(
      'listed',
      'CREATE TABLE t (a)',
      'CREATE VIEW v AS SELECT 1 AS one',
      'CREATE INDEX i ON t (a)',
    );
    await server.execute(name, 'CREATE VIRTUAL TABLE f USING fts5(x)');
    assert.equal(await shell([name, '-c', '.tables']), 'f\nt\nv\n');
    assert.equal(await shell([name, '-c', '.schema t']), 'CREATE TABLE t (a);\nCREATE INDEX i ON t (a);\n');
    const file = path.join(fixture.root, 'script.sql');
    writeFileSync(file, `.use ${name}\nINSERT INTO t VALUES (5);\nSELECT a\nFROM t;\n`);
    assert.match(await shell(['--mode', 'list', '-c', `.read ${file}`]), /^a\n5\n$/);
    writeFileSync(file, `.read ${file}\n`);
    const loop = await run(['shell', '-c', `.read ${file}`]);
    assert.equal(loop.exitCode, exitCodeOf('INVALID_ARGUMENT'));
    assert.match(loop.stderr, /reads itself/);
    const unknown = await run(['shell', '-c', '.tabels']);
    assert.match(unknown.stderr, /hint: See them with \.help/);
    assert.equal((await run(['shell', 'nowhere', '-c', 'SELECT 1'])).exitCode, exitCodeOf('DATABASE_NOT_FOUND'));
  });

  test('on a replica reads work, a write names the primary, and .nodes shows both', async () => {
    const replica = await fixture.start('replica', ...follow(server));
    await replica.until('defaultdb', ({ replicator }) => replicator?.state === 'streaming');
    const { token } = await (await replica.client()).login('admin', adminPassword);
    const there = { env: { QUORATE_PORT: String(replica.port), QUORATE_TOKEN: token } };
    const nodes = await run(['shell', '-c', '.nodes', '-c', 'SELECT 1 AS one'], there);
    assert.match(nodes.stdout, /upstream +streaming.*\n.*replica, this node +open.*\none\n---\n {2}1\n$/s);
    for (const statement of ['BEGIN', 'CREATE TABLE x (a)']) {
      const { exitCode, stderr } = await run(['shell', '-c', statement], there);
      assert.equal(exitCode, exitCodeOf('READ_ONLY_REPLICA'));
      assert.match(stderr, new RegExp(`--port ${server.port} `));
    }
  });

  test('at a terminal the prompt shows where a statement and a transaction stand', { skip }, async () => {
    const name = await database('typed', 'CREATE TABLE t (a)');
    const terminal = await open(name);
    terminal.type('BEGIN;\n');
    await terminal.until(`ok\n${name}*> `);
    terminal.type('INSERT INTO t\n');
    await terminal.until('   ...> ');
    terminal.type('VALUES (1);\n');
    await terminal.until(`1 row changed\n${name}*> `);
    terminal.type('nonsense;\n');
    await terminal.until(`syntax error (SQL_ERROR)\n${name}*> `);
    terminal.type('COMMIT;\n');
    await terminal.until(`ok\n${name}> `);
    assert.deepEqual(await server.query(name, 'SELECT a FROM t'), [[1n]]);
    terminal.type('.quit\n');
    assert.equal(await terminal.ended, 0);
  });

  test('Ctrl-C forgets what was typed, and ends a query that would never end', { skip }, async () => {
    const name = await database('interrupted');
    const terminal = await open(name);
    terminal.type('SELECT\n');
    await terminal.until('...> ');
    terminal.type('\u0003');
    await terminal.until(`^C\n${name}> `);
    terminal.type(endless);
    await terminal.until('FROM r;\n');
    terminal.type('\u0003');
    await terminal.until(`(CANCELLED)\n${name}> `);
    terminal.type('SELECT 40 + 2;\n');
    await terminal.until(' 42\n');
    terminal.type('\u0004');
    assert.equal(await terminal.ended, 0);
  });

  test('tables and columns are completed, and tables fit the terminal', { skip }, async () => {
    const name = await database(
      'completed',
      'CREATE TABLE customers (id INTEGER, remark TEXT)',
      "INSERT INTO customers VALUES (1, '日本語' || printf('%.*c', 200, 'x'))",
    );
    const terminal = await open(name, {}, 40);
    terminal.type('select rem');
    await terminal.until('rem');
    terminal.type('\t');
    await terminal.until('ark');
    terminal.type(' from cus');
    await terminal.until('cus');
    terminal.type('\t');
    await terminal.until('tomers');
    terminal.type(';\n');
    const shown = await terminal.until('…\n');
    const line = shown.split('\n').at(-2) ?? '';
    // Three characters take two cells each, the others one.
    assert.equal([...line].length + 3, 40);
    terminal.type('.quit\n');
    assert.equal(await terminal.ended, 0);
  });

  test('typed lines are kept in a file of the user alone, bounded, and come back', { skip }, async () => {
    const name = await database('remembered');
    const file = path.join(env['XDG_STATE_HOME'] as string, 'quorate', 'shell-history');
    const first = await open(name);
    first.type("SELECT 'kept' AS word;\n");
    await first.until('----\nkept\n');
    first.type('.quit\n');
    await first.ended;
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.match(readFileSync(file, 'utf8'), /SELECT 'kept' AS word;\n\.quit\n$/);
    const second = await open(name);
    // Two lines up, which is the arrow of ECMA-48 CUU.
    second.type('\u001b[A\u001b[A\n');
    await second.until('----\nkept\n');
    second.type('.quit\n');
    await second.ended;
    writeFileSync(file, Array.from({ length: 1_200 }, (_, i) => `SELECT ${i};\n`).join(''));
    const third = await open(name);
    third.type('.quit\n');
    await third.ended;
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    assert.deepEqual([lines.length, lines[0]], [1_001, 'SELECT 200;']);
  });

  test('a database is deleted when its name was typed, and only then', { skip }, async () => {
    const name = await database('doomed');
    const attempt = () =>
      new Terminal([process.execPath, program, 'database', 'delete', name], {
        env: { ...process.env, ...env },
        columns: 80,
      });
    const wrong = attempt();
    await wrong.until('to go on: ');
    wrong.type('doom\n');
    assert.equal(await wrong.ended, exitCodeOf('CANCELLED'));
    const silent = await run(['database', 'delete', name]);
    assert.equal(silent.exitCode, exitCodeOf('INVALID_ARGUMENT'));
    assert.match(silent.stderr, /hint: Give --yes/);
    assert.equal((await server.database(name)).state, 'open');
    const right = attempt();
    await right.until('to go on: ');
    right.type(`${name}\n`);
    assert.equal(await right.ended, 0);
    await assert.rejects(server.database(name), /doomed/);
  });
});
