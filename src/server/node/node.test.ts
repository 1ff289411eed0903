import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  databaseLimitOptions,
  nodeLimitOptions,
  parseOptions,
  replicationLimitOptions,
  securityOptions,
  tlsOptions,
} from '../../config/interface.ts';
import { createNodeRuntime } from '../../runtime/interface.ts';
import { Node, noReplication } from './node.ts';
import type { FollowRequest } from './node-options.ts';
import { executeSql } from './sql.ts';
import { version } from './version.ts';

const runtime = createNodeRuntime();
const { files } = runtime;
const primary: FollowRequest = {
  role: '',
  enabled: false,
  host: '',
  port: 0,
  database: '',
  username: '',
  password: '',
};

function folder(t: TestContext): string {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'quorate-node-'));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function start(directory: string, maxDatabases = 10): Promise<Node> {
  const node = await Node.open(
    {
      directory,
      adminPassword: 'open sesame 42',
      security: parseOptions(securityOptions, { files }).values,
      tls: parseOptions(tlsOptions, { files }).values,
      replication: noReplication,
      limits: { ...parseOptions(nodeLimitOptions, { files }).values, maxDatabases },
      databaseLimits: parseOptions(databaseLimitOptions, { files }).values,
      replicationLimits: parseOptions(replicationLimitOptions, { files }).values,
    },
    runtime,
  );
  await node.start(undefined);
  return node;
}

const sql = (node: Node, database: string, text: string) =>
  executeSql(node, {
    database,
    statements: [{ sql: text }],
    waitForTxId: 0,
    timeoutMs: 0,
    signal: new AbortController().signal,
    requireWrite: () => {},
    user: 'ada',
  });

test('a folder belongs to one node at a time, and is free again when that one is closed', async (t) => {
  const directory = folder(t);
  {
    await using first = await start(directory);
    await assert.rejects(start(directory), { code: 'DATABASE_LOCKED' });
    assert.ok(first.isReady);
  }
  await using second = await start(directory);
  assert.ok(second.isReady);
});

test('a node keeps its identity, and its name unless it is given another one', async (t) => {
  const directory = folder(t);
  const identity = async () => {
    await using node = await start(directory);
    return node.identity;
  };
  const first = await identity();
  assert.match(first.nodeId, /^[0-9a-f]{16}$/);
  assert.deepEqual(await identity(), first);
});

test('of two requests to create one database one succeeds, and the other leaves it alone', async (t) => {
  await using node = await start(folder(t));
  const outcomes = await Promise.allSettled([
    node.databases.create('shop', primary),
    node.databases.create('shop', primary),
  ]);
  assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  await sql(node, 'shop', 'CREATE TABLE t (a)');
});

test('no more databases than allowed are created, and a deleted one makes room', async (t) => {
  await using node = await start(folder(t), 3);
  await node.databases.create('third', primary);
  await assert.rejects(node.databases.create('fourth', primary), { code: 'OVERLOADED', hint: /max-databases/ });
  await node.databases.delete('third');
  await node.databases.create('fourth', primary);
});

test('a database is deleted once, also under two requests and with readers at work, and its files go', async (t) => {
  const directory = folder(t);
  await using node = await start(directory);
  await node.databases.create('shop', primary);
  await sql(node, 'shop', 'CREATE TABLE t (a)');
  const reads = Promise.allSettled(Array.from({ length: 20 }, () => sql(node, 'shop', 'SELECT count(*) FROM t')));
  await Promise.all([node.databases.delete('shop'), node.databases.delete('shop').catch(() => {})]);
  await reads;
  assert.deepEqual(readdirSync(path.join(directory, 'databases')).sort(), ['defaultdb', 'systemdb']);
  assert.deepEqual(readdirSync(path.join(directory, 'work')), []);
  await node.databases.create('shop', primary);
  await assert.rejects(sql(node, 'shop', 'SELECT count(*) FROM t'), { code: 'SQL_ERROR' });
});

test('what is asked of a database while it is deleted does not come to another one of its name', async (t) => {
  await using node = await start(folder(t));
  await node.databases.create('shop', primary);
  const { databases } = node;
  const deleted = databases.delete('shop');
  const late = [databases.unload('shop'), databases.load('shop'), databases.delete('shop')];
  const again = deleted.then(() => databases.create('shop', primary));
  for (const { status, reason } of (await Promise.allSettled(late)) as PromiseRejectedResult[]) {
    assert.equal(status, 'rejected');
    assert.equal(reason.code, 'DATABASE_NOT_FOUND');
  }
  assert.equal((await again).state, 'open');
  assert.equal(databases.get('shop').state, 'open');
});

test('a folder among the databases that is none is shown as failed and stops nothing else', async (t) => {
  const directory = folder(t);
  await (await start(directory))[Symbol.asyncDispose]();
  mkdirSync(path.join(directory, 'databases', 'stray'));
  mkdirSync(path.join(directory, 'databases', 'broken'));
  writeFileSync(path.join(directory, 'databases', 'broken', 'settings.json'), '{');
  await using node = await start(directory);
  const states = node.status().databases.map(({ database, state, lastError }) => [database, state, lastError?.code]);
  assert.deepEqual(states, [
    ['broken', 'failed', 'DATABASE_CORRUPT'],
    ['defaultdb', 'open', undefined],
    ['stray', 'failed', 'DATABASE_NOT_FOUND'],
    ['systemdb', 'open', undefined],
  ]);
});

test('no file of a node contains the password of its administrator', async (t) => {
  const directory = folder(t);
  await (await start(directory))[Symbol.asyncDispose]();
  for (const name of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (name.isFile()) {
      const content = readFileSync(path.join(name.parentPath, name.name));
      assert.equal(content.includes('open sesame 42'), false, name.name);
    }
  }
});

test('the version is that of the package', () => {
  const manifest = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  assert.equal(version, JSON.parse(manifest).version);
});
