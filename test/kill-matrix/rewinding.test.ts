import { test } from 'node:test';
import {
  assertSaved,
  commitAlone,
  rejoinUntilStreaming,
  tryToRejoin,
  usurp,
  writeUnacknowledged,
} from './former-primary.ts';
import { MatrixCluster } from './matrix-cluster.ts';
import { Hits, rounds, runRounds, strike } from './rounds.ts';

/** How long the rewinding of a former primary lasts about, in milliseconds. */
const rejoiningMs = 60;

/** The same for the cutting of a tail. */
const cuttingMs = 12;

test(`nodes that are killed and stopped ${rounds.rewinding} times while a former primary goes back save what it had alone and end equal`, async (t) => {
  const cluster = await MatrixCluster.start(t, []);
  await cluster.attachReplicas();
  await cluster.settle();
  const hits = new Hits(t);
  await runRounds(t, 'rewinding', cluster, async (round) => {
    const subject = await usurp(cluster, round.pick(cluster.replicas));
    cluster.startLoad();
    const lost = await commitAlone(cluster, subject, round);
    await cluster.follow(subject, cluster.primary);
    await subject.entered('diverged');
    const rejoining = tryToRejoin(subject);
    await subject.entered('stopped', 'streaming');
    await round.moment(rejoiningMs);
    const victims = round.pick([[subject], [subject], [subject], [cluster.primary], cluster.nodes]);
    await strike(round, cluster, { subject, victims, hits });
    await rejoining;
    await rejoinUntilStreaming(cluster, subject);
    await cluster.settle();
    assertSaved(subject, lost);
  });
  hits.report();
  // A replica follows nobody while it goes back.
  hits.assertMet('stopped', rounds.rewinding);
});

test(`nodes that are killed and stopped ${rounds.cutting} times while the tail of a former primary is cut keep every acknowledged write and end equal`, async (t) => {
  const cluster = await MatrixCluster.start(t, []);
  await cluster.attachReplicas();
  await cluster.settle();
  const hits = new Hits(t);
  await runRounds(t, 'cutting', cluster, async (round) => {
    const subject = await usurp(cluster, round.pick(cluster.replicas));
    await writeUnacknowledged(cluster, subject);
    cluster.startLoad();
    const following = cluster.follow(subject, cluster.primary);
    await subject.entered('negotiating', 'streaming');
    await round.moment(cuttingMs);
    const victims = round.pick([[subject], [subject], [subject], [cluster.primary], [subject, cluster.primary]]);
    await strike(round, cluster, { subject, victims, hits });
    await following;
    await rejoinUntilStreaming(cluster, subject);
    await cluster.settle();
  });
  hits.report();
  hits.assertMet('negotiating', rounds.cutting);
});
