/** Groups with members of every kind on the same servers, whose primary is killed once for all of them. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Decision } from '../../src/cluster/interface.ts';
import { type MetricFamily, parseExposition } from '../exposition.ts';
import { eventually, type ServerProcess } from '../server-process.ts';
import { createItems, database, formGroup, GroupFixture, type Marks, untilGroup } from './group-fixture.ts';

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
  reserved: [{ nofailover: true, priority: 50 }, {}],
};

describe('members of every kind', () => {
  const cleanups: (() => unknown)[] = [];
  const fixture = new GroupFixture({ after: (action: unknown) => cleanups.push(action as () => unknown) } as never);
  const posted: RoleChange[] = [];
  let webhook: Server;
  let one: ServerProcess;
  let two: ServerProcess;
  let three: ServerProcess;

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
    const lines = path.join(fixture.root, 'role-changes');
    const command = `echo "$QUORATE_EVENT $QUORATE_DATABASE $QUORATE_ROLE $QUORATE_TERM $QUORATE_PRIMARY $QUORATE_NODE $QUORATE_TIME" >> '${lines}'`;
    [one, two, three] = await Promise.all([
      fixture.start('one'),
      fixture.start('two', `--on-role-change=${command}`, `--role-change-webhook=${url}`),
      fixture.start('three'),
    ]);
    for (const [name, marks] of Object.entries(groups)) {
      await createItems(one, name);
      await formGroup([one, two, three], name, marks);
    }
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
      await one.stop('SIGKILL');
      await Promise.all(Object.keys(groups).map((name) => untilGroup(two, ({ leader }) => !['', one.ready.nodeId].includes(leader), name)));
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
      assert.deepEqual(await two.query(database, 'SELECT name FROM items'), [['kept']]);
    });

    test('the one that is left takes writes when the lost one is taken out of the group', async () => {
      const write = two.execute(database, "INSERT INTO items VALUES (2, 'alone')");
      await (await two.client()).groups.leave({ database, member: 'one' });
      await write;
      assert.deepEqual(await two.query(database, 'SELECT count(*) FROM items'), [[2n]]);
    });

    test('of two equal logs that of the higher priority is elected', async () => {
      await untilGroup(two, ({ leader }) => leader === three.ready.nodeId, 'preferred');
      const { votes, candidate } = await decision('preferred');
      assert.equal(candidate, 'three');
      const other = votes.find(({ name }) => name === 'two');
      assert.deepEqual(other?.promised, true);
    });

    test('a member with nofailover is never elected, whatever its priority', async () => {
      await untilGroup(two, ({ leader }) => leader === three.ready.nodeId, 'reserved');
      const all = await decisions('reserved');
      assert.deepEqual(all.filter(({ refusal }) => refusal === undefined).map(({ candidate }) => candidate), ['three']);
    });
  });

  async function decisions(name: string): Promise<Decision[]> {
    return (await (await two.client()).groups.explain(name)).map((text) => JSON.parse(text) as Decision);
  }

  async function decision(name: string): Promise<Decision> {
    return (await decisions(name)).find(({ refusal }) => refusal === undefined) as Decision;
  }
});
