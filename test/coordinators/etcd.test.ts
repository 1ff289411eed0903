/** The coordinator in an etcd cluster of three real members: its contract, and what the cluster may lose. */
import { after, before, describe } from 'node:test';
import { testContract } from './contract.ts';
import { EtcdCluster, etcdMissing } from './etcd-cluster.ts';
import { coordinatorSettings } from './settings.ts';

describe('etcd', { skip: etcdMissing }, () => {
  let cluster: EtcdCluster;
  before(async () => {
    cluster = await EtcdCluster.start();
  });
  after(() => cluster.stop());

  testContract({
    name: 'etcd',
    settings: () => coordinatorSettings({ coordinator: 'etcd', etcdEndpoints: cluster.endpoints }),
    ttlMs: 2_000,
    removalMs: 3_000,
  });
});
