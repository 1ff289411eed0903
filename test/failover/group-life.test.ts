/** Databases that come into groups and go out of them while their nodes run. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { NodeClient } from '../../src/client/interface.ts';
import { GroupStore, openCoordinator } from '../../src/cluster/interface.ts';
import { createNodeRuntime, nullLogger } from '../../src/runtime/interface.ts';
import { quorate } from '../command-line.ts';
import { coordinatorSettings } from '../coordinators/settings.ts';
import { adminPassword, follow, type ServerProcess } from '../server-process.ts';
import { eventually } from '../until.ts';
import { createItems, database, formGroup, GroupFixture, untilEqual, untilGroup } from './group-fixture.ts';

const names = ['one', 'two', 'three'] as const;

test('with --all, databases that are made later on any member get groups of the same members and rules', async (t) => {
  const fixture = new GroupFixture(t);
  const one = await fixture.start('one');
  const usersOfOne = [...follow(one), '--replication-include=systemdb'];
  const [two, three] = (await Promise.all(names.slice(1).map((name) => fixture.start(name, ...usersOfOne)))) as [
    ServerProcess,
    ServerProcess,
  ];
  await createItems(three, 'taken');
  await command(one, 'group', 'create', '--all', '--lease', '1s');
  for (const server of [two, three]) {
    await command(server, 'group', 'join', '--all');
    await untilGroup(server, ({ leader }) => leader === one.ready.nodeId, 'systemdb');
  }
  await eventually(
    async () => await untilGroup(one, () => true, 'systemdb'),
    ({ members }) => members.length === 3 && members.every(({ learner }) => !learner),
  );

  await createItems(two, 'later');
  const group = await untilGroup(one, ({ members }) => members.every(({ learner }) => !learner), 'later');
  assert.equal(group.leader, two.ready.nodeId);
  assert.deepEqual(group.members.map(({ name }) => name).sort(), [...names].sort());
  assert.deepEqual([group.leaseMs, group.holders, group.newDatabases], [1_000, 2, false]);

  // A member that has a database of that name keeps its own.
  await createItems(one, 'taken');
  await assert.rejects((await three.client()).groups.update({ ...nothing, database: 'taken' }), {
    code: 'WRONG_DATABASE',
  });
  assert.equal((await three.database('taken')).role, 'primary');

  await one.execute('later', "INSERT INTO items VALUES (1, 'by another member')");
  await two.stop('SIGKILL');
  await one.execute('later', "INSERT INTO items VALUES (2, 'after the loss of its primary')");
  await untilEqual([one, three], 'later');

  const again = await fixture.start('two');
  await untilEqual([one, again, three], 'later');
  await command(one, 'group', 'update', 'systemdb', '--new-databases=false');
  await createItems(one, 'alone');
  await assert.rejects((await one.client()).groups.update({ ...nothing, database: 'alone' }), { code: 'NOT_IN_GROUP' });
});

test('a database whose group cannot be made is not made either', async (t) => {
  const fixture = new GroupFixture(t);
  const one = await fixture.start('one');
  await command(one, 'group', 'create', '--all');
  await using coordinator = await opened(fixture);
  await createItems(one, 'first');
  const { config } = await new GroupStore(coordinator, 'first').read();
  assert.ok(config !== undefined);
  await new GroupStore(coordinator, 'second').create({ ...config, database: 'second' }, 'of somebody else');
  await assert.rejects(createItems(one, 'second'), { code: 'GROUP_EXISTS' });
  await assert.rejects(one.query('second', 'SELECT 1'), { code: 'DATABASE_NOT_FOUND' });
});

test('a node takes part in no more groups than max-groups says', async (t) => {
  const fixture = new GroupFixture(t);
  const [one, two] = [await fixture.start('one'), await fixture.start('two', '--max-groups=1')];
  await Promise.all(['first', 'second'].map((name) => createItems(one, name)));
  await formGroup([one, two], 'first');
  await (await one.client()).groups.create({ database: 'second', leaseMs: 0 });
  const refused = { code: 'OVERLOADED', message: /takes part in 1 groups/ };
  await assert.rejects((await two.client()).groups.join({ database: 'second', self: undefined }), refused);
  await createItems(two, 'third');
  await assert.rejects((await two.client()).groups.create({ database: 'third', leaseMs: 0 }), refused);
});

test('members leave until none is left, and then the database can be deleted', async (t) => {
  const fixture = new GroupFixture(t);
  const [one, two, three] = await fixture.group(names);
  await three.stop('SIGKILL');
  await command(one, 'group', 'leave', database, '--member', 'three');
  await command(two, 'group', 'leave', database);
  await one.execute(database, "INSERT INTO items VALUES (1, 'alone')");
  assert.match(await command(one, 'group', 'leave', database), /has no group any more/);
  await one.execute(database, "INSERT INTO items VALUES (2, 'without a group')");
  assert.deepEqual(await one.query(database, 'SELECT id FROM items'), [[1n], [2n]]);

  // It was away when it was taken out.
  const again = await fixture.start('three');
  await command(again, 'group', 'leave', database);
  for (const server of [one, two, again]) {
    await command(server, 'database', 'delete', database, '--yes');
  }
  await createItems(two);
  await formGroup([two, one]);
});

test('a node that was killed while it made a group has made it when it is back', async (t) => {
  const fixture = new GroupFixture(t);
  const one = await fixture.start('one');
  await createItems(one);
  const databaseId = (await one.database(database)).databaseId.toString('hex');
  await one.stop('SIGKILL');
  {
    await using coordinator = await opened(fixture);
    const { nodeId } = one.ready;
    const own = { nodeId, name: 'one', host: '127.0.0.1', port: one.port, httpUrl: one.httpUrl, zone: '' };
    const marks = { priority: 0, nofailover: false, nosync: false, witness: false, learner: false };
    await new GroupStore(coordinator, database).create(
      {
        ...{ database, databaseId, termBase: 10, members: [{ ...own, ...marks }] },
        acks: { level: { kind: 'quorum' }, whenShort: 'block', degradeAfterMs: 1_000, timeoutMs: 1_000 },
        failover: { automatic: true, leaseMs: 1_000 },
      },
      nodeId,
    );
  }
  const again = await fixture.start('one');
  await untilGroup(again, ({ leader }) => leader === one.ready.nodeId);
  await again.execute(database, "INSERT INTO items VALUES (1, 'in the group')");
});

const nothing = { remove: '', clearMaxLag: false, leaseMs: 0 };

/** Runs a command against a server, as its administrator. Returns what it prints. */
async function command(server: ServerProcess, ...args: string[]): Promise<string> {
  using client = new NodeClient({ host: '127.0.0.1', port: server.port });
  const { token } = await client.login('admin', adminPassword);
  const ended = await quorate([...args, '--port', String(server.port)], { env: { QUORATE_TOKEN: token } });
  assert.equal(ended.exitCode, 0, ended.stderr);
  return ended.stdout;
}

/** The coordinator of the servers, for this process. */
async function opened(fixture: GroupFixture) {
  const coordinatorDir = path.join(fixture.root, 'coordinator');
  const settings = coordinatorSettings({ coordinator: 'local', coordinatorDir });
  const coordinator = await openCoordinator(settings, createNodeRuntime(nullLogger));
  assert.ok(coordinator !== undefined);
  return coordinator;
}
