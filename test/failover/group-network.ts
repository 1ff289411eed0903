import type { TestContext } from 'node:test';
import { EtcdCluster } from '../coordinators/etcd-cluster.ts';
import { NamespaceDoor } from '../faults/namespace-door.ts';
import { NetworkNamespaces } from '../faults/namespaces.ts';
import { serverCommand } from '../server-process.ts';
import { GroupFixture, type Place } from './group-fixture.ts';

/** Of the servers, in the network of each. */
const port = 3322;

/**
 * A network of its own with a node for each name, where a member of etcd runs and the server of that name in the fixture.
 * This process reaches the servers past the network. @param flags that every server gets
 */
export async function startGroupNetwork(
  t: Pick<TestContext, 'after'>,
  names: readonly string[],
  flags: readonly string[] = [],
): Promise<{ network: NetworkNamespaces; fixture: GroupFixture }> {
  const network = NetworkNamespaces.open(names);
  t.after(() => network[Symbol.dispose]());
  const places = names.map((name) => ({ host: network.address(name), prefix: network.prefix(name) }));
  const etcd = await EtcdCluster.start({ places });
  t.after(() => etcd.stop());
  const doors = new Map<string, NamespaceDoor>();
  for (const name of names) {
    const door = await NamespaceDoor.open(network, name, port);
    doors.set(name, door);
    t.after(() => door[Symbol.dispose]());
  }
  const place = (name: string): Place => ({
    command: [...network.prefix(name), ...serverCommand],
    args: [`--address=${network.address(name)}`, `--port=${port}`, '--allow-plain-text', ...flags],
    reach: { host: '127.0.0.1', port: doors.get(name)?.port ?? 0 },
  });
  const coordinator = ['--coordinator=etcd', `--etcd-endpoints=${etcd.endpoints}`];
  return { network, fixture: new GroupFixture(t, coordinator, place) };
}
