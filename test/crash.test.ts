/** Real processes that are killed and stopped at random moments. `CRASH_SEED=N` repeats the moments of a run. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { NodeClient } from '../src/client/interface.ts';
import { createSeededRandom, type Random } from '../src/runtime/interface.ts';
import { adminPassword, follow, ServerFixture, type ServerProcess } from './server-process.ts';
import { loadSchema, WriteLoad } from './write-load.ts';

const database = 'defaultdb';

/** Kills of a primary that answers clients, and of one that is still starting. */
const killsUnderLoad = 42;
const killsWhileStarting = 12;

const seed = Number(process.env['CRASH_SEED'] ?? Date.now() % 1_000_000);

const program = fileURLToPath(new URL('../bin/quorate', import.meta.url));

function between(random: Random, low: number, high: number): number {
  return low + random.next() * (high - low);
}

/** A client that spares the server the hashing of a password at every start. */
function clientOf(server: ServerProcess, token: string): NodeClient {
  return new NodeClient({ host: server.ready.grpc.host, port: server.port, token });
}

async function tokenOf(server: ServerProcess): Promise<string> {
  using client = new NodeClient({ host: server.ready.grpc.host, port: server.port });
  return (await client.login('admin', adminPassword)).token;
}

async function contentDefects(server: ServerProcess, load: WriteLoad): Promise<string[]> {
  const rows = await server.query(database, 'SELECT number FROM written ORDER BY number');
  const [[counter] = []] = await server.query(database, 'SELECT count FROM counter');
  return load.defects(
    rows.map(([number]) => Number(number)),
    Number(counter),
  );
}

/** Starts a server and kills it before it says that it is ready, or soon after. */
async function killWhileStarting(directory: string, args: readonly string[], afterMs: number): Promise<void> {
  const child = spawn(process.execPath, [program, 'server', '--dir', directory, ...args], { stdio: 'ignore' });
  const closed = once(child, 'close');
  await sleep(afterMs);
  child.kill('SIGKILL');
  await closed;
}

test(`a primary under load that is killed ${killsUnderLoad + killsWhileStarting} times keeps every acknowledged write, and its replicas end equal`, async (t) => {
  t.diagnostic(`CRASH_SEED=${seed}`);
  const random = createSeededRandom(seed);
  const fixture = new ServerFixture(t);
  let primary = await fixture.start('primary');
  const port = ['--port', String(primary.port)];
  const replicas = [
    await fixture.start('first', ...follow(primary)),
    await fixture.start('second', ...follow(primary)),
  ];
  for (const sql of loadSchema) {
    await primary.execute(database, sql);
  }
  const token = await tokenOf(primary);
  const load = new WriteLoad(database);
  for (let kill = 0; kill < killsUnderLoad; kill += 1) {
    const client = clientOf(primary, token);
    const running = load.run(client, 12);
    await sleep(between(random, 0, 350));
    const victim = kill % 7 === 3 ? kill % 2 : undefined;
    await Promise.all([primary.stop('SIGKILL'), victim === undefined ? undefined : replicas[victim]?.stop('SIGKILL')]);
    await running;
    client[Symbol.dispose]();
    if (kill < killsWhileStarting) {
      await killWhileStarting(
        path.join(fixture.root, 'primary'),
        [...port, '--http-port', '0'],
        between(random, 50, 600),
      );
    }
    primary = await fixture.start('primary', ...port);
    if (victim !== undefined) {
      replicas[victim] = await fixture.start(['first', 'second'][victim] as string, ...follow(primary));
    }
  }
  assert.deepEqual(await contentDefects(primary, load), []);
  assert.ok(load.acknowledged.size > killsUnderLoad * 5, `only ${load.acknowledged.size} writes were acknowledged`);
  const { tipTxId } = await primary.database(database);
  const expected = await primary.digest(database);
  for (const replica of replicas) {
    await replica.until(database, ({ appliedTxId }) => appliedTxId === tipTxId);
    assert.equal(await replica.digest(database), expected);
  }
  t.diagnostic(`${load.acknowledged.size} of ${load.sent} writes acknowledged`);
});

test('a replica that is killed again and again while it catches up goes on from its own log', async (t) => {
  const random = createSeededRandom(seed);
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  for (const sql of loadSchema) {
    await primary.execute(database, sql);
  }
  let replica = await fixture.start('replica', ...follow(primary));
  const load = new WriteLoad(database);
  const running = load.run(await primary.client(), 12);
  let durable = 0;
  for (let kill = 0; kill < 8; kill += 1) {
    await sleep(between(random, 0, 250));
    const before = await replica.database(database);
    await replica.stop('SIGKILL');
    replica = await fixture.start('replica', ...follow(primary));
    const after = await replica.database(database);
    durable = Math.max(durable, before.durableTxId);
    assert.ok(after.durableTxId >= durable, `${durable} was durable, ${after.durableTxId} is after the kill`);
    assert.ok(after.appliedTxId <= after.durableTxId);
  }
  load.stop();
  await running;
  const { tipTxId } = await primary.database(database);
  await replica.until(database, ({ appliedTxId }) => appliedTxId === tipTxId);
  assert.equal(await replica.digest(database), await primary.digest(database));
  assert.deepEqual(await contentDefects(replica, load), []);
});

test('a replica that stands still holds up neither writes nor the other replica, and catches up afterwards', async (t) => {
  const fixture = new ServerFixture(t);
  const primary = await fixture.start('primary');
  const still = await fixture.start('still', ...follow(primary));
  const other = await fixture.start('other', ...follow(primary));
  for (const sql of loadSchema) {
    await primary.execute(database, sql);
  }
  const { tipTxId: before } = await primary.database(database);
  await still.until(database, ({ appliedTxId }) => appliedTxId === before);
  process.kill(still.processId, 'SIGSTOP');
  const load = new WriteLoad(database);
  const running = load.run(await primary.client(), 16);
  await other.until(database, ({ appliedTxId }) => appliedTxId > before + 2_000);
  process.kill(still.processId, 'SIGCONT');
  load.stop();
  await running;
  const { tipTxId } = await primary.database(database);
  const expected = await primary.digest(database);
  for (const replica of [still, other]) {
    await replica.until(database, ({ appliedTxId }) => appliedTxId === tipTxId);
    assert.equal(await replica.digest(database), expected);
  }
});
