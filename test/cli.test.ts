import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, test } from 'node:test';
import { type ErrorCode, exitCodeOf } from '../src/errors/interface.ts';
import { type CommandOptions, quorate } from './command-line.ts';
import { adminPassword, ServerFixture, type ServerProcess } from './server-process.ts';

describe('command line with a server', () => {
  const fixture = new ServerFixture({ after });
  let server: ServerProcess;
  let env: Record<string, string>;

  before(async () => {
    server = await fixture.start('server');
    env = { XDG_CONFIG_HOME: path.join(fixture.root, 'config'), QUORATE_PORT: String(server.port) };
    const login = await run(['login', 'admin'], { input: `${adminPassword}\n` });
    assert.equal(login.exitCode, 0, login.stderr);
    await succeed(
      'query',
      'defaultdb',
      'CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, weight REAL, raw BLOB)',
    );
  });

  const run = (args: readonly string[], options: CommandOptions = {}) =>
    quorate(args, { ...options, env: { ...env, ...options.env } });

  async function succeed(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await run(args);
    assert.equal(exitCode, 0, `${args.join(' ')}: ${stderr}`);
    assert.equal(stderr, '');
    return stdout;
  }

  const json = async (...args: string[]) => JSON.parse(await succeed(...args, '--json'));

  /** Expects the exit code of the error table and the error as JSON on standard error, and nothing on standard output. */
  async function fail(expected: ErrorCode, ...args: string[]) {
    const { exitCode, stdout, stderr } = await run([...args, '--json']);
    const { error } = JSON.parse(stderr);
    assert.equal(error.code, expected, stderr);
    assert.equal(exitCode, exitCodeOf(expected));
    assert.equal(stdout, '');
    return error as { message: string; hint?: string };
  }

  test('a login keeps its token for the user only, and a wrong password leaves none', async () => {
    const file = path.join(env['XDG_CONFIG_HOME'] as string, 'quorate', 'tokens.json');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.doesNotMatch(readFileSync(file, 'utf8'), new RegExp(adminPassword));
    const elsewhere = { XDG_CONFIG_HOME: path.join(fixture.root, 'elsewhere') };
    const wrong = await run(['login', 'admin'], { input: 'wrong\n', env: elsewhere });
    assert.equal(wrong.exitCode, exitCodeOf('UNAUTHENTICATED'));
    assert.match(wrong.stderr, /^error: .*\(UNAUTHENTICATED\)\n/);
    const without = await run(['status'], { env: elsewhere });
    assert.equal(without.exitCode, exitCodeOf('UNAUTHENTICATED'));
    assert.match(without.stderr, /^hint: .*quorate login/m);
  });

  test('a password may come from a file, and a token from the environment', async () => {
    const file = path.join(fixture.root, 'password.txt');
    writeFileSync(file, `${adminPassword}\n`);
    const elsewhere = { XDG_CONFIG_HOME: path.join(fixture.root, 'other') };
    const login = await run(['login', 'admin', '--json', '--password-file', file], { env: elsewhere });
    const { token } = JSON.parse(login.stdout);
    const status = await run(['status'], { env: { XDG_CONFIG_HOME: '/nonexistent', QUORATE_TOKEN: token } });
    assert.equal(status.exitCode, 0, status.stderr);
  });

  test('settings tell each option with its source, and no secret', async () => {
    const settings = (await json('settings')) as { name: string; value: string | null; source: string }[];
    const of = (name: string) => settings.find((setting) => setting.name === name);
    assert.deepEqual(of('scrub-interval'), { name: 'scrub-interval', value: '0ms', source: '--scrub-interval' });
    assert.deepEqual(of('query-timeout'), { name: 'query-timeout', value: '30s', source: 'default' });
    assert.deepEqual(of('replication-primary-host')?.value, null);
    assert.doesNotMatch(JSON.stringify(settings), new RegExp(adminPassword));
    const given = await succeed('settings', '--given');
    assert.match(given, /^admin-password +\S+ +--admin-password$/m);
    assert.doesNotMatch(given, /default$/m);
    const program = await fixture.start('configured', '--log-level', 'error');
    const { token } = await (await program.client()).login('admin', adminPassword);
    const reader = await (await program.client()).users.createToken({
      user: 'admin',
      scope: [{ permission: 'read', database: 'defaultdb' }],
      ttlMs: 0,
    });
    const at = (value: string) => ['--port', String(program.port), '--token', value];
    assert.match(await succeed('settings', ...at(token)), /^log-level +error +--log-level$/m);
    await fail('PERMISSION_DENIED', 'settings', ...at(reader.token));
  });

  test('the script for bash completes commands, flags and the flags of a command inside a group', async () => {
    const script = path.join(fixture.root, 'completion.bash');
    writeFileSync(script, await succeed('completion', 'bash'));
    const complete = (...words: string[]) => {
      const list = words.map((word) => `'${word}'`).join(' ');
      const command = `source '${script}'; COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _quorate; echo "\${COMPREPLY[@]}"`;
      return execFileSync('bash', ['-c', command], { encoding: 'utf8' }).trim();
    };
    assert.equal(complete('quorate', 'databa'), 'database');
    assert.equal(complete('quorate', '--port', '1', 'database', 'del'), 'delete');
    assert.equal(complete('quorate', 'database', 'delete', 'shop', '--y'), '--yes');
    assert.equal(complete('quorate', 'shell', '--histor'), '--history-file --history-lines');
    assert.equal(complete('quorate', 'completion', 'f'), 'fish');
    assert.equal(complete('quorate', 'shell', '--mode', 'j'), 'json');
    assert.equal(complete('quorate', 'server', '--log-level', ''), 'debug info warn error silent');
    assert.match(await succeed('completion', 'zsh'), /'quorate server:--log-level'\) found=\('debug:' 'info:' /);
    assert.match(await succeed('completion', 'fish'), /-l log-level -x -a 'debug info warn error silent' -d /);
    for (const shell of ['zsh', 'fish']) {
      assert.match(await succeed('completion', shell), /history-lines/);
    }
  });

  test('query prints tables for people and exact values for programs', async () => {
    const inserted = await succeed(
      ...['query', 'defaultdb', 'INSERT INTO notes VALUES (?, ?, ?, ?)'],
      ...['--param', '9223372036854775807', '--param', 'a\tb', '--param', '2.0', '--param', "x'00ff'"],
    );
    assert.match(inserted, /^1 row changed/);
    const select = ['query', 'defaultdb', 'SELECT id, text, weight, raw, NULL AS n FROM notes WHERE id = :id'];
    const parameter = ['--param', ':id=9223372036854775807'];
    const table = await succeed(...select, ...parameter);
    assert.match(table, /^ *id +text +weight +raw +n\n[- ]+\n9223372036854775807 {2}a\\tb +2\.0 {2}x'00ff' {2}NULL\n$/);
    const text = await succeed(...select, ...parameter, '--json');
    assert.match(text, /\[9223372036854775807,"a\\tb",2,\{"base64":"AP8="\},null\]/);
  });

  test('query takes statements from standard input as one transaction', async () => {
    const input =
      "INSERT INTO notes (text) VALUES ('one'); -- comment ; here\nSELECT count(*) AS c FROM notes WHERE text = 'one';";
    const { stdout, exitCode } = await run(['query', 'defaultdb', '-', '--json'], { input });
    assert.equal(exitCode, 0);
    assert.deepEqual(JSON.parse(stdout).results[1].rows, [[1]]);
    const broken = await run(['query', 'defaultdb', '-'], {
      input: 'DELETE FROM notes; INSERT INTO nowhere VALUES (1);',
    });
    assert.equal(broken.exitCode, exitCodeOf('SQL_ERROR'));
    assert.notEqual((await json('query', 'defaultdb', 'SELECT count(*) FROM notes')).results[0].rows[0][0], 0);
  });

  test('a query that never ends is stopped, and the server goes on', async () => {
    const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n';
    await fail('QUERY_TIMEOUT', 'query', 'defaultdb', endless, '--timeout', '300ms');
    await succeed('query', 'defaultdb', 'SELECT 1');
  });

  test('errors of SQL, names and roles have their codes', async () => {
    await fail('SQL_ERROR', 'query', 'defaultdb', 'SELEC 1');
    await fail('CONSTRAINT_VIOLATION', 'query', 'defaultdb', 'INSERT INTO notes (id) VALUES (77), (77)');
    await fail('DATABASE_NOT_FOUND', 'query', 'nowhere', 'SELECT 1');
    await fail('INVALID_ARGUMENT', 'query', 'defaultdb', ' -- nothing');
    await fail('INVALID_ARGUMENT', 'query', 'defaultdb', 'SELECT ?; SELECT ?', '--param', '1');
    await fail('PERMISSION_DENIED', 'query', 'systemdb', 'SELECT * FROM users');
    await fail('UNAVAILABLE', 'status', '--port', '1');
    await fail('INVALID_ARGUMENT', 'status', '--nonsense');
    await fail('INVALID_ARGUMENT', 'replicate', '--from', 'nonsense', '--to', '127.0.0.1/x');
  });

  test('databases are created, listed, unloaded, loaded and deleted', async () => {
    assert.equal((await json('database', 'create', 'shop')).role, 'primary');
    await fail('DATABASE_EXISTS', 'database', 'create', 'shop');
    await fail('INVALID_ARGUMENT', 'database', 'create', 'No Such Name!');
    await succeed('query', 'shop', 'CREATE TABLE t (a)');
    const names = (await json('database', 'list')).map(({ database }: { database: string }) => database);
    assert.deepEqual(names, ['defaultdb', 'shop', 'systemdb']);
    assert.match(await succeed('database', 'unload', 'shop'), /unloaded/);
    await fail('DATABASE_UNLOADED', 'query', 'shop', 'SELECT * FROM t');
    assert.equal((await json('database', 'load', 'shop')).state, 'open');
    await succeed('query', 'shop', 'SELECT * FROM t');
    await succeed('database', 'delete', 'shop', '--yes');
    await fail('DATABASE_NOT_FOUND', 'query', 'shop', 'SELECT * FROM t');
    await succeed('database', 'create', 'shop');
    await fail('SQL_ERROR', 'query', 'shop', 'SELECT * FROM t');
    await succeed('database', 'delete', 'shop', '--yes');
    await fail('INVALID_ARGUMENT', 'database', 'delete', 'defaultdb', '--yes');
    await fail('INVALID_ARGUMENT', 'database', 'unload', 'systemdb');
  });

  test('the flags of older versions make a replica on the same server, which update promotes', async () => {
    const flags = [
      ...['--replication-enabled=true', '--replication-follower-username=admin'],
      ...[`--replication-follower-password=${adminPassword}`, '--replication-master-database=defaultdb'],
    ];
    const created = await json('database', 'create', ...flags, 'replicadb');
    assert.equal(created.role, 'replica');
    assert.equal(created.replication.primaryPort, server.port);
    const { txId } = await json('query', 'defaultdb', "INSERT INTO notes (text) VALUES ('to the replica')");
    const read = ['query', 'replicadb', "SELECT text FROM notes WHERE text = 'to the replica'"];
    assert.deepEqual((await json(...read, '--wait-for', String(txId))).results[0].rows, [['to the replica']]);
    const refused = await fail('READ_ONLY_REPLICA', 'query', 'replicadb', 'DELETE FROM notes');
    assert.match(`${refused.message} ${refused.hint}`, new RegExp(`127.0.0.1:${server.port}/defaultdb`));
    const digests = await Promise.all(['defaultdb', 'replicadb'].map((name) => json('digest', name)));
    assert.equal(digests[0].digest, digests[1].digest);
    const stopped = await json('database', 'update', 'replicadb', '--replication-enabled=false');
    assert.equal(stopped.role, 'replica');
    assert.equal(stopped.replicator, undefined);
    assert.equal((await json('database', 'update', 'replicadb', '--role', 'primary')).role, 'primary');
    await succeed('query', 'replicadb', 'DELETE FROM notes');
    await fail('INVALID_ARGUMENT', 'database', 'create', '--replication-enabled', 'half');
    await fail('INVALID_ARGUMENT', 'database', 'create', ...flags.slice(0, 3), 'itself');
    await succeed('database', 'delete', 'replicadb', '--yes');
  });

  test('a SQLite file is imported and exported with the same content', async () => {
    const source = path.join(fixture.root, 'source.sqlite');
    const target = path.join(fixture.root, 'target.sqlite');
    {
      using database = new DatabaseSync(source);
      database.exec(`CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
        INSERT INTO t SELECT i, 'value ' || i FROM n`);
    }
    await succeed('database', 'import', 'imported', source);
    const count = ['SELECT count(*), sum(id), max(v) FROM t'];
    assert.deepEqual((await json('query', 'imported', ...count)).results[0].rows, [
      [20_000, 200_010_000, 'value 9999'],
    ]);
    await succeed('database', 'export', 'imported', target);
    await fail('INVALID_ARGUMENT', 'database', 'export', 'imported', target);
    await succeed('database', 'export', 'imported', target, '--overwrite');
    using copy = new DatabaseSync(target, { readOnly: true });
    assert.deepEqual(
      { ...copy.prepare('SELECT count(*) AS c, max(v) AS m FROM t').get() },
      { c: 20_000, m: 'value 9999' },
    );
    assert.deepEqual(copy.prepare("SELECT name FROM sqlite_schema WHERE name LIKE '%quorate%'").all(), []);
    assert.ok(!existsSync(`${target}.partial`));
    await fail('DATABASE_EXISTS', 'database', 'import', 'imported', source);
    await fail('INVALID_ARGUMENT', 'database', 'import', 'other', '/nonexistent.sqlite');
    const garbage = path.join(fixture.root, 'garbage.sqlite');
    writeFileSync(garbage, 'this is no database'.repeat(1_000));
    const { exitCode } = await run(['database', 'import', 'garbage', garbage]);
    assert.notEqual(exitCode, 0);
    await fail('DATABASE_NOT_FOUND', 'status', 'garbage');
  });

  test('options that all commands have may stand before the name of the command', async () => {
    const { stdout } = await run(['--json', '--port', String(server.port), 'status'], { env: { QUORATE_PORT: '1' } });
    assert.equal(JSON.parse(stdout).nodeId, server.ready.nodeId);
    const missing = await run(['--json', 'database']);
    assert.equal(missing.exitCode, exitCodeOf('INVALID_ARGUMENT'));
    assert.equal(JSON.parse(missing.stderr).error.code, 'INVALID_ARGUMENT');
  });

  test('status tells people and programs the same', async () => {
    const status = await json('status');
    assert.equal(status.nodeId, server.ready.nodeId);
    assert.match(status.databases[0].databaseId, /^[0-9a-f]{32}$/);
    const text = await succeed('status', 'defaultdb');
    assert.match(text, /defaultdb +primary +open/);
    assert.doesNotMatch(text, /systemdb/);
  });
});

describe('quorate server', () => {
  test('a generated password is printed once and works, and --admin-password replaces it', async (t) => {
    const fixture = new ServerFixture(t);
    const env = { XDG_CONFIG_HOME: path.join(fixture.root, 'config') };
    const first = await fixture.startWith('server', { password: null });
    const { adminPassword: generated = '' } = first.ready;
    assert.ok(generated.length >= 20);
    const login = (port: number, input: string) => quorate(['login', 'admin', '--port', String(port)], { env, input });
    assert.equal((await login(first.port, generated)).exitCode, 0);
    await first.stop();
    const second = await fixture.startWith('server', { password: null });
    assert.equal(second.ready.adminPassword, undefined);
    assert.equal((await login(second.port, generated)).exitCode, 0);
    await second.stop();
    const third = await fixture.start('server');
    assert.equal((await login(third.port, generated)).exitCode, exitCodeOf('UNAUTHENTICATED'));
    assert.equal((await login(third.port, adminPassword)).exitCode, 0);
  });

  test('a second server on the same folder and one on the same port are refused with their codes', async (t) => {
    const fixture = new ServerFixture(t);
    const server = await fixture.start('server');
    const base = ['server', '--json', '--http-port', '0'];
    const locked = await quorate([...base, '--port', '0', '--dir', server.directory]);
    assert.equal(locked.exitCode, exitCodeOf('DATABASE_LOCKED'), locked.stderr);
    const inUse = await quorate([...base, '--port', String(server.port), '--dir', path.join(fixture.root, 'other')]);
    assert.equal(inUse.exitCode, exitCodeOf('ADDRESS_IN_USE'), inUse.stderr);
    assert.match(inUse.stderr, /--port/);
  });

  test('SIGTERM and SIGINT stop it cleanly, also with a query that never ends and a client that waits', async (t) => {
    const fixture = new ServerFixture(t);
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const server = await fixture.start(signal, '--drain-timeout=300ms');
      await server.execute('defaultdb', 'CREATE TABLE t (a)');
      const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n';
      const query = assert.rejects(server.query('defaultdb', endless));
      const wait = assert.rejects(server.query('defaultdb', 'SELECT 1', 1_000_000));
      await server.query('defaultdb', 'SELECT 1');
      assert.equal(await server.stop(signal), 0);
      await Promise.all([query, wait]);
    }
  });

  test('what was unloaded stays so, and roles and positions are kept, over a restart', async (t) => {
    const fixture = new ServerFixture(t);
    const server = await fixture.start('server');
    const client = await server.client();
    await client.createDatabase({ database: 'asleep', role: '', replication: undefined });
    await client.createDatabase({ database: 'fed', role: 'replica', replication: undefined });
    await client.unloadDatabase('asleep');
    const txId = await server.execute('defaultdb', 'CREATE TABLE t (a)');
    await server.stop();
    const again = await fixture.start('server');
    const { state, role } = await again.database('asleep');
    assert.deepEqual([state, role], ['unloaded', 'primary']);
    assert.equal((await again.database('fed')).role, 'replica');
    assert.equal((await again.database('defaultdb')).appliedTxId, txId);
    await (await again.client()).loadDatabase('asleep');
    assert.equal((await again.database('asleep')).state, 'open');
  });
});
