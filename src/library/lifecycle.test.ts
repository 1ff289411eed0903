import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Quorate } from './interface.ts';
import { temporaryFolder, temporaryNode } from './testing/temporary-node.ts';

const door = new URL('./interface.ts', import.meta.url).href;

/** Runs a program in a process of its own; `directory` is the folder of its node. */
function runProgram(folder: string, body: string, killOn?: string): Promise<{ code: number | null; output: string }> {
  const file = path.join(folder, 'program.ts');
  const directory = JSON.stringify(path.join(folder, 'node'));
  writeFileSync(file, `import { Quorate } from '${door}';\nconst directory = ${directory};\n${body}`);
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'], timeout: 30_000 });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (killOn !== undefined && output.includes(killOn)) {
      child.kill('SIGKILL');
    }
  });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, output }));
  });
}

async function rowsAfterwards(folder: string, sql: string) {
  await using quorate = await Quorate.open({ directory: path.join(folder, 'node') });
  const db = await quorate.database('db');
  return db.query(sql).map((row) => ({ ...row }));
}

test('a node that nobody closes keeps no process alive, and what was acknowledged is there afterwards', async () => {
  using folder = temporaryFolder();
  const { code, output } = await runProgram(
    folder.path,
    `const db = await (await Quorate.open({ directory, listen: { port: 0 } })).openOrCreate('db');
     await db.execute('CREATE TABLE t (x)');
     await db.execute('INSERT INTO t VALUES (1)');
     await db.queryAsync('SELECT * FROM t');
     console.log('acknowledged');`,
  );
  assert.deepEqual([code, output], [0, 'acknowledged\n']);
  assert.deepEqual(await rowsAfterwards(folder.path, 'SELECT x FROM t'), [{ x: 1 }]);
});

test('what was acknowledged survives the end of the process at any moment', async () => {
  using folder = temporaryFolder();
  const { output } = await runProgram(
    folder.path,
    `const db = await (await Quorate.open({ directory })).openOrCreate('db');
     await db.execute('CREATE TABLE t (x INTEGER PRIMARY KEY)');
     for (let x = 1; ; x += 1) {
       await db.execute('INSERT INTO t VALUES (?)', [x]);
       console.log(String(x));
     }`,
    '\n200\n',
  );
  const [row] = await rowsAfterwards(folder.path, 'SELECT max(x) AS last, count(*) AS count FROM t');
  const acknowledged = Number(output.trim().split('\n').at(-1));
  assert.ok(Number(row?.last) >= acknowledged, `${row?.last} is there, ${acknowledged} were acknowledged`);
  assert.equal(row?.last, row?.count);
});

test('closing waits for the writes that were sent and not waited for', async () => {
  await using own = await temporaryNode();
  const db = await own.node.openOrCreate('db');
  await db.execute('CREATE TABLE t (x)');
  const writes = Array.from({ length: 100 }, (_, x) => db.execute('INSERT INTO t VALUES (?)', [x]));
  const settled = Promise.allSettled(writes);
  await own.node[Symbol.asyncDispose]();
  assert.deepEqual(new Set((await settled).map(({ status }) => status)), new Set(['fulfilled']));
  await using again = await Quorate.open({ directory: own.folder });
  assert.equal((await again.database('db')).query('SELECT x FROM t').length, 100);
});

test('a closed node says so, can be closed again, and gives its folder to the next one', async () => {
  await using own = await temporaryNode({ name: 'first' });
  await assert.rejects(Quorate.open({ directory: own.folder }), { code: 'DATABASE_LOCKED' });
  await own.node[Symbol.asyncDispose]();
  await own.node[Symbol.asyncDispose]();
  await assert.rejects(own.node.openOrCreate('db'), { code: 'DATABASE_UNLOADED' });
  await using again = await Quorate.open({ directory: own.folder });
  assert.deepEqual([again.nodeId, again.nodeName], [own.node.nodeId, 'first']);
});

test('a node that cannot listen refuses to open, says why, and leaves its folder to the next attempt', async () => {
  await using other = await temporaryNode({ listen: { port: 0 } });
  using folder = temporaryFolder();
  const listen = { port: other.node.address?.port };
  await assert.rejects(Quorate.open({ directory: folder.path, listen }), { code: 'ADDRESS_IN_USE' });
  await using quorate = await Quorate.open({ directory: folder.path });
  assert.equal(quorate.address, undefined);
});

test('the first node that listens tells the password that it made up, and no later one does', async () => {
  await using own = await temporaryNode({ listen: { port: 0 } });
  assert.match(own.node.generatedPassword ?? '', /^[\w-]{20,}$/);
  await own.node[Symbol.asyncDispose]();
  await using again = await Quorate.open({ directory: own.folder, listen: { port: 0 } });
  assert.equal(again.generatedPassword, undefined);
});

test('what the node has to say reaches the logger of the application', async () => {
  const messages: string[] = [];
  const log = (_fields: unknown, message: string) => messages.push(message);
  await using own = await temporaryNode({ logger: { debug: log, info: log, warn: log, error: log } });
  const upstream = { host: '127.0.0.1', port: 1, username: 'admin', password: 'none' };
  const replica = await own.node.replica('far', upstream);
  await assert.rejects(replica.waitFor('q1-1-1', { timeoutMs: 200 }), { code: 'WAIT_TIMEOUT' });
  assert.ok(
    messages.some((message) => message.includes('backing-off')),
    messages.join('\n'),
  );
});

test('a node that was closed leaves no thread and no process behind', {
  skip: process.platform !== 'linux',
}, async () => {
  const threads = () => readdirSync('/proc/self/task').length;
  const children = () => readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8');
  const useOne = async () => {
    await using own = await temporaryNode({ listen: { port: 0 } });
    const db = await own.node.openOrCreate('db');
    await db.execute('CREATE TABLE t (x)');
    await db.queryAsync('SELECT * FROM t');
  };
  // The first one starts what Node.js itself keeps.
  await useOne();
  const before = threads();
  await useOne();
  assert.equal(threads(), before);
  assert.equal(children().trim(), '');
});
