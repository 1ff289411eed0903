/** A replica that another process feeds gets a snapshot, too, and `quorate` shows how far it is. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DatabaseStatus } from '../src/proto/interface.ts';
import { errorFromGrpc } from '../src/replication/interface.ts';
import { quorate } from './command-line.ts';
import { adminPassword, ServerFixture, type ServerProcess, streams } from './server-process.ts';

const program = fileURLToPath(new URL('../bin/quorate', import.meta.url));

/** Runs a command on a terminal of its own (util-linux). */
const terminalProgram = '/usr/bin/script';

/** A log that is cut soon, and snapshots that take their time. */
const smallLog = [
  ...['--log-segment-bytes', '64KiB', '--log-retention-bytes', '256KiB', '--log-retention-max-bytes', '1MiB'],
  ...['--min-free-bytes=0', '--log-level=info'],
];
const slowly = ['--snapshot-rate-bytes', '4MiB', '--snapshot-chunk-bytes', '64KiB'];

const insertItem = 'INSERT INTO items (body) VALUES (randomblob(50000))';

const copies = ({ replicator }: DatabaseStatus) =>
  replicator?.state === 'copying' && (replicator.snapshot?.receivedBytes ?? 0) > 0;
/** Fills `defaultdb` with 10 MB, and waits until the beginning of its log is gone. */
async function fill(server: ServerProcess): Promise<void> {
  await server.execute('defaultdb', 'CREATE TABLE items (id INTEGER PRIMARY KEY, body BLOB NOT NULL)');
  for (let count = 0; count < 20; count += 1) {
    await server.execute('defaultdb', ...Array.from({ length: 10 }, () => insertItem));
  }
  while ((await server.database('defaultdb')).storage?.firstTxId === 1) {
    await server.execute('defaultdb', insertItem);
  }
}

/** `quorate replicate` from one server's defaultdb to `fed` on another, with the lines that it prints. */
function pump(t: TestContext, from: ServerProcess, to: ServerProcess, ...flags: string[]) {
  const addresses = ['--from', `127.0.0.1:${from.port}/defaultdb`, '--to', `127.0.0.1:${to.port}/fed`];
  const env = { ...process.env, QUORATE_FROM_PASSWORD: adminPassword, QUORATE_TO_PASSWORD: adminPassword };
  const child: ChildProcess = spawn(process.execPath, [program, 'replicate', ...addresses, ...flags], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  const lines: string[] = [];
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => lines.push(line));
  return { child, lines };
}

async function createFed(server: ServerProcess): Promise<void> {
  await (await server.client()).createDatabase({ database: 'fed', role: 'replica', replication: undefined });
}

test('a fed replica is seeded by a snapshot, which goes on after the replicator was killed', async (t) => {
  const fixture = new ServerFixture(t);
  const source = await fixture.start('source', ...smallLog, ...slowly);
  const target = await fixture.start('target', ...smallLog);
  await fill(source);
  await createFed(target);

  const first = pump(t, source, target);
  const copying = await target.until('fed', copies);
  assert.match(copying.replicator?.upstream ?? '', /^fed by 127\.0\.0\.1/);
  assert.ok((copying.replicator?.lagTransactions ?? 0) > 0 && (copying.replicator?.lagBytes ?? 0) > 0);
  const second = (await target.client()).openReplicateSnapshot();
  second.write({ message: { $case: 'start', value: { database: 'fed' } } });
  const [refusal] = await once(second, 'error');
  assert.equal(errorFromGrpc(refusal).code, 'WRONG_ROLE', 'nobody else may feed it meanwhile');
  first.child.kill('SIGKILL');
  await target.until('fed', ({ replicator }) => replicator === undefined);

  const third = pump(t, source, target, '--json');
  await target.until('fed', copies);
  const offsets = [...target.log.matchAll(/"offset":(\d+)/g)].map(([, offset]) => Number(offset));
  assert.equal(offsets[0], 0);
  assert.ok((offsets.at(-1) ?? 0) > 0, 'it goes on where it was');
  await target.until('fed', streams);
  const txId = await source.execute('defaultdb', insertItem);
  await target.until('fed', ({ appliedTxId }) => appliedTxId >= txId);
  assert.equal(await target.digest('fed'), await source.digest('defaultdb'));
  const events = third.lines.map((line) => JSON.parse(line));
  assert.deepEqual(
    [...new Set(events.map(({ event }) => event))],
    ['connecting', 'copying', 'installing', 'streaming', 'progress'],
  );
  const { sizeBytes, receivedBytes } = events.find(({ event }) => event === 'copying');
  assert.ok(receivedBytes > 0 && receivedBytes <= sizeBytes);
});

test('the settings of a fed replica can be changed while a snapshot is brought to it', async (t) => {
  const fixture = new ServerFixture(t);
  const source = await fixture.start('source', ...smallLog, ...slowly);
  const target = await fixture.start('target', ...smallLog);
  await fill(source);
  await createFed(target);
  const { child } = pump(t, source, target);
  await target.until('fed', copies);
  const client = await target.client();
  await assert.rejects(client.updateDatabase({ database: 'fed', role: 'primary' }), /never met its upstream/);
  const upstream = { primaryHost: '127.0.0.1', primaryPort: source.port, primaryDatabase: 'defaultdb' };
  const user = { primaryUsername: 'admin', primaryPassword: adminPassword };
  await client.updateDatabase({ database: 'fed', replicationEnabled: true, ...upstream, ...user });
  assert.equal((await once(child, 'exit'))[0], 9);
});

test('creating a replica shows its progress, as a bar on a terminal and in plain lines elsewhere', async (t) => {
  const fixture = new ServerFixture(t);
  const source = await fixture.start('source', ...smallLog, ...slowly);
  const target = await fixture.start('target', ...smallLog);
  await fill(source);
  const env = {
    XDG_CONFIG_HOME: path.join(fixture.root, 'config'),
    QUORATE_PORT: String(target.port),
    QUORATE_REPLICATION_PRIMARY_PASSWORD: adminPassword,
  };
  await quorate(['login', 'admin'], { env, input: `${adminPassword}\n` });
  const args = (name: string, ...more: string[]) => [
    ...['database', 'create', name, '--replication-enabled', '--replication-primary-database', 'defaultdb'],
    ...['--replication-primary-host', '127.0.0.1', '--replication-primary-port', String(source.port)],
    ...['--replication-primary-username', 'admin', ...more],
  ];
  const create = (name: string, ...more: string[]) => quorate(args(name, ...more), { env });
  const shown = await create('copy', '--wait');
  assert.equal(shown.exitCode, 0, shown.stderr);
  assert.match(shown.stdout, /^copy: copying \[#*\.*\] \d+ % {2}\d.* of \d.* MiB, \d.*\/s/m);
  assert.match(shown.stdout, /copy +replica +open .*\(streaming\)/);
  const silent = await create('other');
  assert.doesNotMatch(silent.stdout, /\[#/, 'without a terminal nobody waits unless told to');

  const refused = await create('wrong', '--wait', '--replication-primary-password', 'no such password');
  assert.match(refused.stderr, /UNAUTHENTICATED/);
  assert.notEqual(refused.exitCode, 0);

  if (existsSync(terminalProgram)) {
    const command = [process.execPath, program, ...args('drawn')].map((word) => `'${word}'`).join(' ');
    const { stdout } = await promisify(execFile)(terminalProgram, ['-qec', command, '/dev/null'], {
      env: { ...process.env, ...env },
    });
    const bars = stdout.split('\r\u001b[K').filter((line) => /^drawn: copying \[#*\.*\] \d+ %/.test(line));
    assert.ok(bars.length > 1, 'the bar is drawn again and again in its place');
    assert.match(stdout, /drawn +replica +open .*\(streaming\)/);
  }
});
