/** A client of a group whose members elect the primary themselves. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { type ConnectOptions, connect } from 'quorate/client';
import { createItems, database, formGroup, GroupFixture, untilLeader } from '../failover/group-fixture.ts';
import { adminPassword, type ServerProcess } from '../server-process.ts';
import { until } from '../until.ts';

const password = { user: 'admin', password: adminPassword };

async function follow(t: TestContext, server: ServerProcess, options: Partial<ConnectOptions> = {}) {
  const db = await connect({ nodes: [server.httpUrl], database, ...password, ...options });
  t.after(() => db.close());
  return db;
}

/** Writers that note what was answered, until they are stopped. */
function writersOf(db: Awaited<ReturnType<typeof follow>>, count: number) {
  const acknowledged: string[] = [];
  let goesOn = true;
  const write = async (writer: number) => {
    for (let i = 0; goesOn; i += 1) {
      await db.execute('INSERT INTO items (name) VALUES (?)', [`${writer}/${i}`], { timeoutMs: 60_000 });
      acknowledged.push(`${writer}/${i}`);
    }
  };
  const running = Promise.all(Array.from({ length: count }, (_, writer) => write(writer)));
  return {
    more: async (n: number) => {
      const before = acknowledged.length;
      await until('writes are answered', () => acknowledged.length >= before + n);
    },
    stop: async () => {
      goesOn = false;
      await running;
      return acknowledged;
    },
  };
}

async function assertOnce(db: Awaited<ReturnType<typeof follow>>, acknowledged: readonly string[]): Promise<void> {
  const rows = await db.query<{ name: string }>('SELECT name FROM items', [], { consistency: 'linearizable' });
  const names = rows.map(({ name }) => name);
  const stored = new Set(names);
  assert.equal(stored.size, names.length, 'a write is there twice');
  const lost = acknowledged.filter((name) => !stored.has(name));
  assert.deepEqual(lost, [], 'a write that was acknowledged is lost');
}

test('writes go on through a switchover and a killed primary, none is lost and none is there twice', async (t) => {
  const fixture = new GroupFixture(t);
  const [one, two, three] = await fixture.group(['one', 'two', 'three']);
  const db = await follow(t, three);
  const writers = writersOf(db, 32);
  await writers.more(100);
  await (await three.client()).groups.switchover({ database, to: 'two', dryRun: false });
  await until('the new primary is known', () => db.topology.primary === two.ready.nodeId);
  await writers.more(100);
  await two.stop('SIGKILL');
  await writers.more(100);
  const acknowledged = await writers.stop();
  const leader = await untilLeader([one, three]);
  assert.equal(db.topology.primary, leader.ready.nodeId);
  await assertOnce(db, acknowledged);
});

test('a primary that stood still answers no linearizable read with what was overtaken', async (t) => {
  const fixture = new GroupFixture(t);
  const [one, two, three] = await fixture.group(['one', 'two', 'three']);
  const db = await follow(t, one);
  await db.execute("INSERT INTO items (name) VALUES ('before')");
  const { token } = await (await one.client()).login('admin', adminPassword);
  process.kill(one.processId, 'SIGSTOP');
  await untilLeader([two, three], (server) => server !== one);
  await db.execute("INSERT INTO items (name) VALUES ('after')", [], { timeoutMs: 60_000 });
  // It waits in the buffers of the process that stands still, which takes itself for the primary when it goes on.
  const stmt = { sql: 'SELECT count(*) FROM items', quorate: { consistency: { level: 'linearizable' } } };
  const body = JSON.stringify({ requests: [{ type: 'execute', stmt }, { type: 'close' }] });
  const headers = { authorization: `Bearer ${token}` };
  const asked = fetch(`${one.httpUrl}/${database}/v3/pipeline`, { method: 'POST', headers, body });
  process.kill(one.processId, 'SIGCONT');
  const { results } = (await (await asked).json()) as { results: { error?: { code: string } }[] };
  const code = results[0]?.error?.code ?? '';
  assert.ok(['LEASE_LOST', 'WRONG_ROLE'].includes(code), JSON.stringify(results[0]));
  assert.deepEqual(await db.query('SELECT count(*) AS n FROM items', [], { consistency: 'linearizable' }), [{ n: 2 }]);
});

test('reads go to the own zone, and elsewhere when nobody is left there', async (t) => {
  const fixture = new GroupFixture(t);
  const servers = await Promise.all(
    [['one', 'a'] as const, ['two', 'b'] as const, ['three', 'b'] as const].map(([name, zone]) =>
      fixture.start(name, `--zone=${zone}`),
    ),
  );
  const [one, two, three] = servers as [ServerProcess, ServerProcess, ServerProcess];
  await createItems(one);
  await formGroup(servers);
  const db = await follow(t, two, { zone: 'b', consistency: 'any' });
  await until(
    'all members are known',
    () => db.status().nodes.filter(({ nodeId }) => nodeId !== undefined).length === 3,
  );
  const inZone = [two.httpUrl, three.httpUrl];
  for (let i = 0; i < 20; i += 1) {
    await db.query('SELECT 1');
  }
  const connected = () => db.status().nodes.flatMap(({ url, isConnected }) => (isConnected ? [url] : []));
  assert.ok(
    connected().every((url) => inZone.includes(url)),
    connected().join(),
  );
  await Promise.all([two.stop('SIGKILL'), three.stop('SIGKILL')]);
  assert.deepEqual(await db.query('SELECT 1 AS one'), [{ one: 1 }]);
  assert.ok(connected().includes(one.httpUrl));
});
