import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { NodeClient, RemoteTransaction } from '../../src/client/interface.ts';
import { isQuorateError } from '../../src/errors/interface.ts';
import { batch, execute, type Json, RawHttp } from '../hrana/raw-client.ts';
import { HranaServer } from '../hrana-server.ts';
import type { RandomSource } from '../random-source.ts';
import { follow, ServerProcess } from '../server-process.ts';
import { fuzz, inTime } from './fuzz-loop.ts';
import { mutatedText } from './mutations.ts';
import { WatchedServer } from './watched-server.ts';

const database = 'shop';

/** In Quorate's own tables: whoever reads it there has got out of his database. */
const hidden = 'an idempotency key of somebody else';

const outside = mkdtempSync(path.join(os.tmpdir(), 'quorate-outside-'));
after(() => rmSync(outside, { recursive: true }));

function corpus(name: string): string[] {
  const text = readFileSync(new URL(`corpus/${name}`, import.meta.url), 'utf8');
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => line.replace('{file}', path.join(outside, 'escaped.db')));
}

const escapes = corpus('escapes.sql');
const statements = [...corpus('statements.sql'), ...escapes];

const schema = [
  'CREATE TABLE t (a, b)',
  'CREATE TABLE keyed (id INTEGER PRIMARY KEY, name TEXT, size REAL)',
  'CREATE VIRTUAL TABLE docs USING fts5(body)',
  'CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1)',
  "INSERT INTO t VALUES (1, 'one'), (2, x'02')",
  "INSERT INTO keyed VALUES (1, 'one', 1.5)",
  "INSERT INTO docs VALUES ('water wheel')",
];

const limits = [
  '--max-transaction-bytes=256KiB',
  '--max-value-bytes=1MiB',
  '--max-result-bytes=1MiB',
  '--query-timeout=1s',
  '--transaction-idle-timeout=300ms',
  '--hrana-stream-idle-timeout=300ms',
  '--hrana-write-wait=5s',
];
const watched = await WatchedServer.start(...limits);
await watched.create(database, ...schema);
await watched.admin.execute(database, [{ sql: "INSERT INTO t VALUES (3, 'three')" }], { key: hidden });
const token = await watched.tokenOf('writer', `write:${database}`);

const replicaFolder = mkdtempSync(path.join(os.tmpdir(), 'quorate-fuzz-'));
const replica = await ServerProcess.start({
  directory: replicaFolder,
  args: [...limits, ...follow(watched.server, '--replication-discovery-interval=50ms')],
});
after(async () => {
  await replica.stop();
  rmSync(replicaFolder, { recursive: true });
});

const streams = async () => {
  const { databases } = await (await replica.client()).status();
  const isThere = databases.some((each) => each.database === database);
  return isThere && databases.every(({ replicator }) => replicator?.state === 'streaming');
};
while (!(await inTime('a look at the replica', streams()))) {
  await sleep(20);
}
await watched.keepOpen();

/** What no SQL may be answered with. */
const defects = new Set(['INTERNAL', 'IO_ERROR', 'DATABASE_CORRUPT', 'LOG_CORRUPT', 'DIVERGED', 'SCHEMA_MISMATCH']);

/** Sends SQL by every way that there is; an answer is what a client would see, or the code of an error. */
class Ways implements Disposable {
  readonly #client: NodeClient;
  readonly #http: RawHttp;

  constructor(server: ServerProcess) {
    this.#client = new NodeClient({ host: '127.0.0.1', port: server.port, token });
    this.#http = new RawHttp(new HranaServer(server, token));
  }

  readonly all: Readonly<Record<string, (sql: string) => Promise<string>>> = {
    execute: (sql) => this.#answer(() => this.#client.execute(database, [{ sql }])),
    'execute with others': (sql) =>
      this.#answer(() => this.#client.execute(database, [{ sql: 'UPDATE t SET a = a' }, { sql }])),
    transaction: (sql) => this.#inTransaction(async (transaction) => await transaction.run({ sql })),
    'described in a transaction': (sql) => this.#inTransaction((transaction) => transaction.describe(sql)),
    'Hrana execute': (sql) => this.#hrana(execute(sql)),
    'Hrana batch': (sql) => this.#hrana(batch([sql])),
    'Hrana batch that is a transaction': (sql) => this.#hrana(batch(['BEGIN'], [sql], ['COMMIT'])),
    'Hrana transaction': (sql) => this.#hrana(execute('BEGIN IMMEDIATE'), execute(sql), execute('COMMIT')),
    'Hrana sequence': (sql) => this.#hrana({ type: 'sequence', sql }),
    'Hrana describe': (sql) => this.#hrana({ type: 'describe', sql }),
  };

  async #answer(run: () => Promise<unknown>): Promise<string> {
    try {
      return shown(await run());
    } catch (error) {
      return isQuorateError(error) ? `${error.code}: ${error.message}` : assert.fail(String(error));
    }
  }

  async #inTransaction(run: (transaction: RemoteTransaction) => Promise<unknown>): Promise<string> {
    return await this.#answer(async () => {
      const transaction = await begin(this.#client);
      try {
        const result = await run(transaction);
        await transaction.commit();
        return result;
      } catch (error) {
        await transaction.rollback().catch(() => {});
        throw error;
      }
    });
  }

  async #hrana(...requests: object[]): Promise<string> {
    const body = { requests: [...requests, { type: 'close' }] };
    const { status, text } = await this.#http.send('POST', `/${database}/v3/pipeline`, body);
    assert.ok(status < 500, text);
    const answer: Json = status === 200 ? JSON.parse(text) : { results: [{ error: JSON.parse(text) }] };
    const errors = answer.results.flatMap((result: Json) => [
      ...(result.error ? [result.error] : []),
      ...(result.response?.result?.step_errors ?? []).filter((error: Json) => error !== null),
    ]);
    return errors.length === 0 ? text : `${errors[0].code}: ${errors[0].message}`;
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}

function begin(client: NodeClient): Promise<RemoteTransaction> {
  return RemoteTransaction.begin({ client }, database);
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_key, field) => (typeof field === 'bigint' ? String(field) : field)) ?? '';
}

/** Settings of the connection that writes, which SQL may not change. */
const settings = [
  'synchronous',
  'journal_mode',
  'foreign_keys',
  'writable_schema',
  'recursive_triggers',
  'trusted_schema',
];

async function writerSettings(): Promise<string> {
  const transaction = await begin(watched.admin);
  const values: string[] = [];
  for (const name of [...settings, 'database_list']) {
    values.push(shown((await transaction.run({ sql: `PRAGMA ${name}` })).rows));
  }
  await transaction.rollback();
  return values.join();
}

const before = await writerSettings();

/** Makes the database what it was at the beginning. Others change it meanwhile, so it may take another try. */
async function reset(tries = 5): Promise<void> {
  const objects = await watched.server.query(
    database,
    `SELECT m.type, m.name FROM sqlite_schema m JOIN pragma_table_list l ON l.name = m.name AND l.schema = 'main'
     WHERE l.type <> 'shadow' AND m.name NOT GLOB 'sqlite_*' AND m.name NOT GLOB '_quorate_*'`,
  );
  const drops = objects.map(([type, name]) => `DROP ${type} IF EXISTS "${String(name).replaceAll('"', '""')}"`);
  try {
    await watched.server.execute(database, 'PRAGMA defer_foreign_keys = ON', ...drops, ...schema);
  } catch (error) {
    assert.ok(
      isQuorateError(error) && /^(SQL_ERROR|CONSTRAINT_VIOLATION)$/.test(error.code) && tries > 1,
      String(error),
    );
    await reset(tries - 1);
  }
}

async function assertSame(): Promise<void> {
  const expected = await watched.server.digest(database);
  let digest = '';
  for (const endMs = Date.now() + 30_000; digest !== expected; await sleep(20)) {
    const [status] = (await (await replica.client()).status(database)).databases;
    assert.ok(Date.now() < endMs, `the replica is not as the primary: ${shown(status)}\n${replica.log}`);
    digest = await replica.digest(database).catch(() => '');
  }
}

async function checkAll(): Promise<void> {
  await watched.check();
  assert.equal(await writerSettings(), before);
  assert.deepEqual(readdirSync(outside), [], 'a file was made outside');
  await assertSame();
}

test('nothing that would get out of a database, or weaken it, is done by any way in', async () => {
  {
    using ways = new Ways(watched.server);
    using waysOfReplica = new Ways(replica);
    for (const sql of escapes) {
      for (const [name, send] of [...Object.entries(ways.all), ...Object.entries(waysOfReplica.all)]) {
        const answer = await send(sql);
        // What is only described, or explained, is not done.
        const isRefused = /^[A-Z_]+: /.test(answer) || /describe|EXPLAIN/.test(name + sql);
        assert.ok(isRefused && !defects.has(answer.split(':')[0] ?? ''), `${name}: ${sql}: ${answer}`);
        assert.ok(!answer.includes(hidden), `${name}: ${sql}: ${answer}`);
      }
    }
  }
  await checkAll();
});

/** Rounds after which the database is made anew: what the statements before have made keeps later ones from working. */
const roundsOfSchema = 60;

test('whatever SQL is sent, the database goes on, and its replica is equal', async () => {
  let rounds = 0;
  {
    using ways = new Ways(watched.server);
    using waysOfReplica = new Ways(replica);
    const round = async (random: RandomSource) => {
      rounds += 1;
      if (rounds % roundsOfSchema === 0) {
        await reset();
      }
      const texts = Array.from({ length: random.int(1, 3) }, () =>
        random.chance(0.4) ? random.pick(statements) : mutatedText(random, random.pick(statements), statements),
      );
      const sql = texts.join(';');
      const { all } = random.chance(0.9) ? ways : waysOfReplica;
      const name = random.pick(Object.keys(all));
      const answer = await inTime(`${name}: ${sql}`, (all[name] as (sql: string) => Promise<string>)(sql));
      assert.ok(!defects.has(answer.split(':')[0] ?? ''), `${name}: ${sql}: ${answer}\n${watched.server.log}`);
      assert.ok(!answer.includes(hidden), `${name}: ${sql}: ${answer}`);
    };
    await watched.checkGrowth(() => fuzz('SQL', round, { atOnce: 3 }));
  }
  await checkAll();
});
