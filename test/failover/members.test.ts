/** Groups with members of every kind on the same servers, whose primary is killed once for all of them. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { NodeClient } from '../../src/client/interface.ts';
import type { Decision } from '../../src/cluster/interface.ts';
import { exitCodeOf, isQuorateError } from '../../src/errors/interface.ts';
import type { Group } from '../../src/proto/interface.ts';
import { quorate } from '../command-line.ts';
import { parseExposition } from '../exposition.ts';
import { adminPassword, type ServerProcess } from '../server-process.ts';
import { hasTerminals, Terminal } from '../terminal.ts';
import { eventually } from '../until.ts';
import { createItems, database, formGroup, GroupFixture, type Marks, untilEqual, untilGroup } from './group-fixture.ts';

const program = fileURLToPath(new URL('../../bin/quorate', import.meta.url));

const noTerminal = hasTerminals ? false : 'there is no script of util-linux, which gives a program a terminal';

/** What the webhook gets; the command gets the same in variables. */
interface RoleChange {
  readonly event: string;
  readonly database: string;
  readonly role: string;
  readonly term: number;
  readonly primary: string;
  readonly node: string;
  readonly at: string;
}

/** Marks of the second and the third member of each group; the first is its primary. */
const groups: Readonly<Record<string, readonly [Marks, Marks]>> = {
  [database]: [{}, { witness: true }],
  preferred: [{}, { priority: 10 }],
  paused: [{}, {}],
  resting: [{}, {}],
  reserved: [{ nofailover: true, priority: 50 }, {}],
};

const pausedGroups: readonly string[] = ['paused', 'resting'];

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('members of every kind', () => {
  const cleanups: (() => unknown)[] = [];
  const fixture = new GroupFixture({ after: (action: unknown) => cleanups.push(action as () => unknown) } as never);
  const posted: RoleChange[] = [];
  const lines = path.join(fixture.root, 'role-changes');
  let webhook: Server;
  let one: ServerProcess;
  let two: ServerProcess;
  let three: ServerProcess;
  /** Of commands that ask the second server. */
  let env: Record<string, string>;

  before(async () => {
    webhook = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        posted.push(JSON.parse(Buffer.concat(chunks).toString()) as RoleChange);
        response.end();
      });
    });
    await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/`;
    const command = `echo "$QUORATE_EVENT $QUORATE_DATABASE $QUORATE_ROLE $QUORATE_TERM $QUORATE_PRIMARY $QUORATE_NODE $QUORATE_TIME" >> '${lines}'`;
    [one, two, three] = await Promise.all([
      fixture.start('one'),
      fixture.start('two', `--on-role-change=${command}`, `--role-change-webhook=${url}`),
      fixture.start('three'),
    ]);
    await Promise.all(
      Object.entries(groups).map(async ([name, marks]) => {
        await createItems(one, name);
        await formGroup([one, two, three], name, marks);
      }),
    );
    using client = new NodeClient({ host: '127.0.0.1', port: two.port });
    env = { QUORATE_TOKEN: (await client.login('admin', adminPassword)).token };
    await untilEqual([one, two, three], 'preferred');
  });

  after(async () => {
    for (const cleanup of cleanups) {
      await cleanup();
    }
    webhook.close();
  });

  test('a witness is a member that holds no data', async () => {
    const { members, dataMembers, votes } = { votes: 0, ...(await untilGroup(three, () => true)) };
    assert.deepEqual([members.map(({ witness }) => witness), dataMembers, votes], [[false, false, true], 2, 0]);
    const { databases } = await (await three.client()).status();
    assert.ok(!databases.some(({ database: name }) => name === database));
    assert.ok(!existsSync(path.join(three.directory, 'databases', database)));
    await one.execute(database, "INSERT INTO items VALUES (1, 'kept')");
  });

  describe('when the primary is killed', () => {
    before(async () => {
      await Promise.all(pausedGroups.map((name) => pause(one, name, 60_000)));
      await one.stop('SIGKILL');
      cpSync(one.directory, path.join(fixture.root, 'twin'), { recursive: true });
      await Promise.all(
        Object.keys(groups)
          .filter((name) => !pausedGroups.includes(name))
          .map((name) => untilGroup(two, ({ leader }) => !['', one.ready.nodeId].includes(leader), name)),
      );
    });

    test('the other of two data nodes takes over when the witness agrees', async () => {
      const { leader } = await untilGroup(three, ({ leader }) => leader === two.ready.nodeId);
      assert.equal(leader, two.ready.nodeId);
      const { votes, numbers } = await decision(database);
      assert.equal(numbers.votes, 2);
      assert.deepEqual(
        votes.map(({ name, position }) => [name, position]),
        [
          ['one', undefined],
          ['three', undefined],
        ],
      );
    });

    test('the one that is left takes writes when the lost one is taken out of the group', async () => {
      const write = two.execute(database, "INSERT INTO items VALUES (2, 'alone')");
      await (await two.client()).groups.leave({ database, member: 'one' });
      await write;
      assert.deepEqual(await two.query(database, 'SELECT name FROM items ORDER BY id'), [['kept'], ['alone']]);
    });

    test('of two equal logs that of the higher priority is elected', async () => {
      await untilGroup(two, ({ leader }) => leader === three.ready.nodeId, 'preferred');
      assert.equal((await decision('preferred')).candidate, 'three');
    });

    test('a member with nofailover is never elected, whatever its priority', async () => {
      await untilGroup(two, ({ leader }) => leader === three.ready.nodeId, 'reserved');
      await decision('reserved');
      const all = await decisions('reserved');
      assert.deepEqual(
        all.filter(({ refusal }) => refusal === undefined).map(({ candidate }) => candidate),
        ['three'],
      );
    });

    test('nobody is elected while failover is paused, and somebody as soon as it is resumed', async () => {
      const rules = async () => (await decisions('paused')).map(({ refusal }) => refusal?.rule);
      await eventually(rules, (found) => found.includes('paused'));
      await untilGroup(two, ({ leader }) => leader === '', 'paused');
      assert.deepEqual([...new Set(await rules())], ['paused']);
      await pause(two, 'paused', 0);
      await untilElected('paused');
    });

    test('a pause ends by itself, and somebody is elected then and not before', async () => {
      await untilGroup(two, ({ leader }) => leader === '', 'resting');
      const paused = await quorate(['group', 'pause', 'resting', '--for', '1s', '--json', ...atTwo()], { env });
      assert.equal(paused.exitCode, 0, paused.stderr);
      const { pausedUntil, leader } = JSON.parse(paused.stdout);
      assert.equal(leader, '');
      await untilElected('resting');
      const { atMs } = await decision('resting');
      assert.ok(atMs >= Date.parse(pausedUntil), `${atMs} is before ${pausedUntil}`);
    });

    test('a command and a webhook are told each change of the primary', async () => {
      const term = async (name: string) => (await untilGroup(two, () => true, name)).term;
      const wanted = [
        [database, 'primary', await term(database), 'two'],
        ['preferred', 'replica', await term('preferred'), 'three'],
        ['reserved', 'replica', await term('reserved'), 'three'],
      ] as const;
      const told = (name: string) => posted.filter((change) => change.database === name);
      await eventually(
        async () => wanted.map(([name]) => told(name).at(-1)),
        (last) => last.every((change, index) => change?.primary === wanted[index]?.[3]),
      );
      for (const [name, role, ofTerm, primary] of wanted) {
        const changes = told(name);
        const { at = '', ...last } = changes.at(-1) ?? {};
        assert.deepEqual(last, { event: 'role-change', database: name, role, term: ofTerm, primary, node: 'two' });
        assert.match(at, isoTime);
        assert.deepEqual(
          changes.map((change) => change.role),
          ['replica', 'none', role],
        );
      }
      const asLine = (change: RoleChange) =>
        [change.event, change.database, change.role, change.term, change.primary, change.node, change.at].join(' ');
      await eventually(
        async () => readFileSync(lines, 'utf8').trimEnd().split('\n'),
        (written) => isDeepStrictEqual(written, posted.map(asLine)),
      );
    });

    test('the metrics tell who leads, and how the coordinator answers', async () => {
      const families = parseExposition(await (await fetch(`${two.httpUrl}/metrics`)).text());
      const value = (name: string, labels: Readonly<Record<string, string>> = {}) =>
        families
          .get(`quorate_${name.replace(/_count$/, '')}`)
          ?.samples.find((sample) => sample.name === `quorate_${name}` && isDeepStrictEqual(sample.labels, labels))
          ?.value;
      const ofGroup = (name: string) =>
        ['term', 'has_primary', 'leading', 'failsafe', 'members'].map((what) =>
          value(`group_${what}`, { database: name }),
        );
      const { term, members } = await untilGroup(two, () => true);
      const other = await untilGroup(two, () => true, 'preferred');
      assert.deepEqual(ofGroup(database), [term, 1, 1, 0, members.length]);
      assert.deepEqual(ofGroup('preferred'), [other.term, 1, 0, 0, 3]);
      assert.deepEqual([value('role_hooks_dropped_total'), value('role_hooks_failed_total')], [0, 0]);
      assert.equal(value('groups'), Object.keys(groups).length);
      assert.equal(value('coordinator_watches'), Object.keys(groups).length + 1);
      assert.ok((value('coordinator_seconds_count', { call: 'list' }) ?? 0) > 0);
      assert.ok((value('coordinator_seconds_count', { call: 'commit' }) ?? 0) > 0);
      assert.ok((value('coordinator_watch_news_total') ?? 0) > 0);
    });
  });

  test('a lost member that was taken out joins again', async () => {
    one = await fixture.start('one');
    await (await one.client()).groups.join({ database, self: undefined });
    const counts = await untilGroup(
      two,
      ({ members }) => members.length === 3 && members.every(({ learner }) => !learner),
    );
    assert.deepEqual([counts.leader, counts.dataMembers], [two.ready.nodeId, 2]);
    await one.execute(database, "INSERT INTO items VALUES (3, 'together')");
    await untilEqual([one, two]);
  });

  test('a switchover that is planned is done at its time and not before', async () => {
    const { leader } = await untilGroup(two, () => true, 'preferred');
    assert.equal(leader, three.ready.nodeId);
    const plannedMs = Date.now() + 1_000;
    const plan = ['--to', 'two', '--at', new Date(plannedMs).toISOString()];
    const { exitCode, stdout, stderr } = await quorate(['switchover', 'preferred', ...plan, ...atTwo()], { env });
    assert.equal(exitCode, 0, stderr);
    assert.match(stdout, /^two is primary of preferred/);
    await untilGroup(three, (group) => group.leader === two.ready.nodeId, 'preferred');
    const { candidate, atMs } = await decision('preferred', 'switchover');
    assert.equal(candidate, 'two');
    assert.ok(atMs >= plannedMs, `${atMs} is before ${plannedMs}`);
  });

  test('a node with the id of another is refused, and takes no part as that one', async () => {
    const { port } = one;
    const isThere = ({ members }: Group) => members.some((member) => member.name === 'one' && member.port === port);
    await Promise.all(Object.keys(groups).map((name) => untilGroup(two, isThere, name)));
    const twin = await fixture.start('twin');
    assert.equal(twin.ready.nodeId, one.ready.nodeId);
    const client = await twin.client();
    const refused = (error: unknown) =>
      isQuorateError(error) && error.code === 'NODE_ID_IN_USE' && /node\.json/.test(error.hint ?? '');
    await eventually(
      () => client.groups.list('preferred').then(() => false, refused),
      (isRefused) => isRefused,
    );
    await assert.rejects(client.groups.join({ database, self: undefined }), refused);
    const { replication } = await twin.database('preferred');
    assert.equal(replication?.enabled ?? false, false);
    const { members } = await untilGroup(two, isThere);
    assert.equal(members.length, 3);
  });

  describe('when the majority is lost', () => {
    const group = 'reserved';
    const flags = () => ['failover', group, '--to', 'two', '--force', ...atTwo()];
    const leaderOf = async () => (await untilGroup(two, () => true, group)).leader;

    before(async () => {
      await three.execute(group, "INSERT INTO items VALUES (4, 'at risk')");
      await Promise.all([one.stop('SIGKILL'), three.stop('SIGKILL')]);
      await untilGroup(two, ({ leader }) => leader === '', group);
    });

    test('a failover by force says what may be lost, and is not done without an answer', async () => {
      const rehearsal = await quorate([...flags(), '--dry-run'], { env });
      assert.equal(rehearsal.exitCode, 0, rehearsal.stderr);
      assert.match(rehearsal.stdout, /two can become primary/);
      assert.match(rehearsal.stdout, /Only 1 of 3 members with data answer, 2 must: .* is lost/);
      const silent = await quorate(flags(), { env });
      assert.equal(silent.exitCode, exitCodeOf('INVALID_ARGUMENT'));
      assert.match(silent.stderr, /hint: Give --yes/);
      assert.equal(await leaderOf(), '');
    });

    test('it is not done when the answer is no', { skip: noTerminal }, async (t) => {
      const terminal = new Terminal([process.execPath, program, ...flags()], {
        env: { ...process.env, ...env },
        columns: 300,
      });
      t.after(() => terminal.kill());
      assert.match(await terminal.until('to go on: '), /Only 1 of 3 members with data answer, 2 must: .* is lost/);
      terminal.type('no\n');
      assert.equal(await terminal.ended, exitCodeOf('CANCELLED'));
      assert.equal(await leaderOf(), '');
    });

    test('it is done with --yes, also on a member with nofailover', async () => {
      const done = await quorate([...flags(), '--yes'], { env });
      assert.equal(done.exitCode, 0, done.stderr);
      assert.equal(await leaderOf(), two.ready.nodeId);
      assert.equal((await decision(group, 'forced')).candidate, 'two');
    });
  });

  function atTwo(): string[] {
    return ['--port', String(two.port)];
  }

  async function untilElected(name: string): Promise<void> {
    await untilGroup(two, ({ leader }) => [two, three].some(({ ready }) => ready.nodeId === leader), name);
  }

  async function pause(server: ServerProcess, name: string, pauseMs: number): Promise<void> {
    const change = { database: name, remove: '', clearMaxLag: false, leaseMs: 0, pauseMs };
    await (await server.client()).groups.update(change);
  }

  async function decisions(name: string): Promise<Decision[]> {
    return (await (await two.client()).groups.explain(name)).map((text) => JSON.parse(text) as Decision);
  }

  /** The last election that made a primary, which is of this kind: it is written down when that one is there already. */
  async function decision(name: string, wanted: Decision['kind'] = 'automatic'): Promise<Decision> {
    const made = async () => (await decisions(name)).find(({ refusal }) => refusal === undefined);
    return (await eventually(made, (last) => last?.kind === wanted)) as Decision;
  }
});
