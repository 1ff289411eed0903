import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { NodeClient } from '../../src/client/interface.ts';
import { CoordinatorProcess } from '../coordinators/process-handle.ts';
import { coordinatorSettings } from '../coordinators/settings.ts';
import { adminPassword, type ServerProcess } from '../server-process.ts';
import { eventually, until } from '../until.ts';
import {
  assertKept,
  database,
  GroupFixture,
  SteadyWriter,
  untilEqual,
  untilGroup,
  untilLeader,
} from './group-fixture.ts';

test('members follow their primary, take writes for it, and show what was written', async (t) => {
  const fixture = new GroupFixture(t);
  const servers = await fixture.group(['one', 'two', 'three']);
  for (const [index, server] of servers.entries()) {
    await server.execute(database, `INSERT INTO items VALUES (${index}, 'by ${index}')`);
    assert.deepEqual(await server.query(database, `SELECT name FROM items WHERE id = ${index}`), [[`by ${index}`]]);
  }
  const { holders, answers, dataMembers } = await untilGroup(servers[0] as ServerProcess, () => true);
  assert.deepEqual({ holders, answers, dataMembers }, { holders: 2, answers: 2, dataMembers: 3 });
  await untilEqual(servers);
});

test('a switchover under load makes writes wait for a moment, and none of them fail', async (t) => {
  const fixture = new GroupFixture(t);
  const [one, two, three] = await fixture.group(['one', 'two', 'three']);
  const writers = [one, two, three].map((server, index) => new SteadyWriter(t, server, index * 1_000_000));
  await Promise.all(writers.map((writer) => writer.more(20)));
  const client = await three.client();
  const { from, to } = await client.groups.switchover({ database, to: 'two', dryRun: true });
  assert.deepEqual({ from, to }, { from: 'one', to: 'two' });
  await client.groups.switchover({ database, to: 'two', dryRun: false });
  await Promise.all(writers.map((writer) => writer.more(20)));
  await Promise.all(writers.map((writer) => writer.stop()));
  assert.deepEqual(
    writers.map(({ failures }) => [...failures]),
    [[], [], []],
  );
  const { leader } = await untilGroup(three, () => true);
  assert.equal(leader, two.ready.nodeId);
  await untilEqual([one, two, three]);
  await assertKept(one, ...writers);
});

test('a primary that is killed is replaced by itself, nothing acknowledged is lost, and it rejoins', async (t) => {
  const fixture = new GroupFixture(t);
  const [one, two, three] = await fixture.group(['one', 'two', 'three']);
  const writers = [two, three].map((server, index) => new SteadyWriter(t, server, index * 1_000_000));
  await Promise.all(writers.map((writer) => writer.more(20)));
  await one.stop('SIGKILL');
  await Promise.all(writers.map((writer) => writer.more(20)));
  const again = await fixture.start('one');
  await untilLeader([again, two, three], (server) => server !== again);
  await Promise.all(writers.map((writer) => writer.more(20)));
  await Promise.all(writers.map((writer) => writer.stop()));
  await untilEqual([again, two, three]);
  await assertKept(again, ...writers);
  const [decision] = (await (await two.client()).groups.explain(database)).map((text) => JSON.parse(text));
  assert.equal(decision.kind, 'automatic');
  assert.equal(decision.refusal, undefined);
});

test('a primary that was stopped and wakes up after another was elected takes no write and rejoins by itself', async (t) => {
  const fixture = new GroupFixture(t);
  const [one, two, three] = await fixture.group(['one', 'two', 'three']);
  const writer = new SteadyWriter(t, two, 0);
  await writer.more(20);
  process.kill(one.processId, 'SIGSTOP');
  const late = new SteadyWriter(t, one, 1_000_000);
  const leader = await untilLeader([two, three], (server) => server.ready.nodeId !== one.ready.nodeId);
  await writer.more(20);
  process.kill(one.processId, 'SIGCONT');
  await late.more(5);
  await Promise.all([writer, late].map((one) => one.stop()));
  // What had been sent on to the primary is given up before its connection is found to be dead.
  assert.ok(writer.longestPauseMs < 20_000, `writes at another member stood still for ${writer.longestPauseMs} ms`);
  assert.equal((await untilLeader([one, two, three])).ready.nodeId, leader.ready.nodeId);
  await untilEqual([one, two, three]);
  await assertKept(one, writer, late);
});

test('a primary is replaced also when a process was stopped that holds the lock of the coordinator', async (t) => {
  const fixture = new GroupFixture(t);
  const [one, two, three] = await fixture.group(['one', 'two', 'three']);
  const coordinatorDir = path.join(fixture.root, 'coordinator');
  const holder = new CoordinatorProcess(t, coordinatorSettings({ coordinator: 'local', coordinatorDir }));
  await holder.ask({ kind: 'stop-in-next-change' });
  const change = holder.ask({ kind: 'put', key: 'anything', value: '', leased: false });
  await until('the lock is held', () => holder.isStopped);
  process.kill(one.processId, 'SIGSTOP');
  const writer = new SteadyWriter(t, two, 0);
  await writer.more(20);
  process.kill(one.processId, 'SIGCONT');
  await writer.stop();
  await untilEqual([one, two, three]);
  await assertKept(one, writer);
  holder.resume();
  assert.equal(await change, 'COORDINATOR_UNAVAILABLE');
});

test('without enough members nobody is elected, and the rule and its numbers are told', async (t) => {
  const fixture = new GroupFixture(t);
  const [one, two, three] = await fixture.group(['one', 'two', 'three']);
  await one.execute(database, "INSERT INTO items VALUES (1, 'kept')");
  await Promise.all([one.stop('SIGKILL'), two.stop('SIGKILL')]);
  await untilGroup(three, ({ leader }) => leader === '');
  const client = await three.client();
  const decision = JSON.parse(await client.groups.failover({ database, to: 'three', force: false, dryRun: false }));
  assert.equal(decision.refusal.rule, 'answers');
  assert.deepEqual(decision.numbers, { dataMembers: 3, holders: 2, answers: 2, votes: 2 });
  await client.groups.failover({ database, to: 'three', force: true, dryRun: false });
  await untilGroup(three, ({ leader }) => leader === three.ready.nodeId);
});

test('a group of systemdb makes the users of one node those of all, also after another has become its primary', async (t) => {
  const fixture = new GroupFixture(t);
  const one = await fixture.start('one');
  const two = await fixture.start('two');
  const systemdb = 'systemdb';
  await (await one.client()).groups.create({ database: systemdb, leaseMs: 0 });
  const [known] = await (await two.client()).groups.list('', true);
  assert.equal(known?.database, systemdb);
  await (await two.client()).groups.join({ database: systemdb, self: undefined });
  await (await one.client()).users.create({
    user: 'ada',
    password: 'a long password',
    sysadmin: false,
    permissions: [],
  });
  using client = new NodeClient({ host: '127.0.0.1', port: two.port });
  await untilLogin(client, 'ada', 'a long password');
  const counts = async () =>
    (await (await one.client()).groups.list(systemdb))[0]?.members.every(({ learner }) => !learner);
  await eventually(counts, (isDone) => isDone === true);
  await (await one.client()).groups.switchover({ database: systemdb, to: 'two', dryRun: false });
  await client.login('admin', adminPassword);
  await client.users.create({ user: 'bob', password: 'another password', sysadmin: false, permissions: [] });
  using first = new NodeClient({ host: '127.0.0.1', port: one.port });
  await untilLogin(first, 'bob', 'another password');
});

/** Waits until a user whom another node has made can log in. */
async function untilLogin(client: NodeClient, user: string, password: string): Promise<void> {
  const isIn = () =>
    client.login(user, password).then(
      () => 'ok',
      ({ code }: { code: string }) => code,
    );
  await eventually(isIn, (answer) => answer === 'ok');
}
