import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MatrixCluster } from './matrix-cluster.ts';
import type { MatrixNode } from './matrix-node.ts';
import { Hits, rounds, runRounds, strike } from './rounds.ts';

test(`streaming nodes that are killed and stopped ${rounds.streaming} times keep every acknowledged write and end equal`, async (t) => {
  const cluster = await MatrixCluster.start(t, ['--log-segment-bytes', '1MiB', '--log-retention-bytes', '8MiB']);
  await cluster.attachReplicas();
  await cluster.settle();
  const hits = new Hits(t);
  await runRounds(t, 'streaming', cluster, async (round) => {
    const { primary } = cluster;
    const [first, second] = cluster.replicas as [MatrixNode, MatrixNode];
    const choices = [[primary], [primary], [first], [second], [first, second], [primary, first], [primary, second]];
    const victims = round.pick(choices);
    cluster.startLoad();
    await round.moment(150);
    await strike(round, cluster, { subject: victims.find((node) => node !== primary) ?? first, victims, hits });
    await cluster.settle();
  });
  hits.report();
  hits.assertMet('streaming', rounds.streaming);
  assert.ok(cluster.ledger.inDoubt > 0, 'no write was on its way');
});
