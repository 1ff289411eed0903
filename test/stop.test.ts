import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { findFreePorts } from '../src/demo/free-port.ts';
import { ServerFixture, sqliteFile } from './server-process.ts';

const program = fileURLToPath(new URL('../bin/quorate', import.meta.url));

const rows = 100_000;
const fill = `WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ${rows}) INSERT INTO items (name) SELECT 'item ' || i FROM n`;

test('a server that is told to stop while it recovers its databases gives that up, and nothing is lost', async (t) => {
  const fixture = new ServerFixture(t);
  const before = await fixture.start('server');
  await before.execute('defaultdb', 'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT)');
  for (let count = 0; count < 8; count += 1) {
    await before.execute('defaultdb', fill);
  }
  const { tipTxId } = await before.database('defaultdb');
  await before.stop('SIGKILL');
  // Without its file all of the log has to be applied again.
  const file = sqliteFile(before.directory, 'defaultdb');
  for (const suffix of ['', '-wal', '-shm']) {
    rmSync(file + suffix, { force: true });
  }

  const [port = 0, httpPort = 0] = await findFreePorts('127.0.0.1', [0, 0]);
  const flags = ['--dir', before.directory, '--port', String(port), '--http-port', String(httpPort)];
  const child = spawn(process.execPath, [program, 'server', '--json', '--log-level=warn', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  const ended = once(child, 'close');
  const ready = () =>
    fetch(`http://127.0.0.1:${httpPort}/ready`).then(
      ({ status }) => status,
      () => undefined,
    );
  while ((await ready()) === undefined) {
    await sleep(5);
  }
  child.kill('SIGTERM');
  assert.equal((await ended)[0], 0);
  assert.equal(printed, '', 'it was never ready');

  const after = await fixture.start('server');
  assert.equal((await after.database('defaultdb')).appliedTxId, tipTxId);
  assert.deepEqual(await after.query('defaultdb', 'SELECT count(*) FROM items'), [[BigInt(8 * rows)]]);
});
