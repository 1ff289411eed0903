/** Groups whose members agree in a real etcd cluster. */
import { after, before, describe, test } from 'node:test';
import { isQuorateError } from '../../src/errors/interface.ts';
import { EtcdCluster, etcdMissing } from '../coordinators/etcd-cluster.ts';
import type { ServerProcess } from '../server-process.ts';
import { until } from '../until.ts';
import { assertKept, database, GroupFixture, SteadyWriter, untilEqual, untilLeader } from './group-fixture.ts';

describe('groups that agree in etcd', { skip: etcdMissing }, () => {
  let etcd: EtcdCluster;
  let groups = 0;

  before(async () => {
    etcd = await EtcdCluster.start();
  });
  after(() => etcd.stop());

  /** What the coordinator of a test is: its own part of the cluster. */
  function coordinator(): string[] {
    groups += 1;
    return ['--coordinator=etcd', `--etcd-endpoints=${etcd.endpoints}`, `--etcd-prefix=/test${groups}/`];
  }

  test('a primary that is killed is replaced, nothing acknowledged is lost, and it rejoins', async (t) => {
    const fixture = new GroupFixture(t, coordinator());
    const [one, two, three] = await fixture.group(['one', 'two', 'three']);
    const writers = [two, three].map((server, index) => new SteadyWriter(t, server, index * 1_000_000));
    await Promise.all(writers.map((writer) => writer.more(20)));
    await one.stop('SIGKILL');
    await Promise.all(writers.map((writer) => writer.more(20)));
    const again = await fixture.start('one');
    await untilLeader([again, two, three], (server) => server !== again);
    await Promise.all(writers.map((writer) => writer.stop()));
    await untilEqual([again, two, three]);
    await assertKept(again, ...writers);
  });

  test('a primary goes on without etcd while all members stand by it, and only then', async (t) => {
    const fixture = new GroupFixture(t, [...coordinator(), '--group-write-wait=200ms']);
    const [one, two, three] = await fixture.group(['one', 'two', 'three']);
    t.after(() => etcd.signal(etcd.members, 'SIGCONT'));
    const writers = [one, two].map((server, index) => new SteadyWriter(t, server, index * 1_000_000));
    await Promise.all(writers.map((writer) => writer.more(20)));

    etcd.signal(etcd.members, 'SIGSTOP');
    await untilLogged(one, 'all members confirm this primary, which goes on');
    await Promise.all(writers.map((writer) => writer.more(100)));

    process.kill(three.processId, 'SIGSTOP');
    await untilRefused(one, 'LEASE_LOST');

    etcd.signal(etcd.members, 'SIGCONT');
    process.kill(three.processId, 'SIGCONT');
    await untilLeader([one, two, three]);
    await Promise.all(writers.map((writer) => writer.more(20)));
    await Promise.all(writers.map((writer) => writer.stop()));
    await untilEqual([one, two, three]);
    await assertKept(three, ...writers);
  });
});

async function untilLogged(server: ServerProcess, text: string): Promise<void> {
  await until(
    () => `${text} is logged\n${server.log}`,
    () => server.log.includes(text),
  );
}

/** Waits until a write is refused with a code. */
async function untilRefused(server: ServerProcess, wanted: string): Promise<void> {
  const seen: string[] = [];
  const refused = async () => {
    try {
      await server.execute(database, 'UPDATE items SET name = name WHERE id = -1');
      seen.push('done');
    } catch (error) {
      seen.push(isQuorateError(error) ? error.code : String(error));
    }
    return seen.at(-1) === wanted;
  };
  await until(() => `writes are refused with ${wanted}: ${seen}`, refused);
}
