import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { MatrixCluster } from './matrix-cluster.ts';
import { type MatrixNode, matrixDatabase } from './matrix-node.ts';
import { Hits, rounds, runRounds, strike } from './rounds.ts';

/** Snapshots of a few MB, from a log whose beginning is gone. */
const seedingLimits = [
  ...['--log-segment-bytes', '64KiB', '--log-retention-bytes', '128KiB'],
  ...['--snapshot-rate-bytes', '12MiB', '--snapshot-chunk-bytes', '64KiB'],
  // A snapshot that rests for the writers, and a log that is kept for the other replica, would make rounds long.
  ...['--snapshot-write-loss-percent', '100', '--log-retention-max-bytes', '512KiB'],
];
const padding = [
  'CREATE TABLE padding (id INTEGER PRIMARY KEY, body BLOB)',
  'WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 150) INSERT INTO padding SELECT i, randomblob(20000) FROM n',
];
const growLog = 'UPDATE padding SET body = randomblob(20000) WHERE id <= 8';
const changeNothing = 'UPDATE padding SET id = id WHERE id = 1';

/** How long copying and installing last at least, in milliseconds: the faults fall into that time. */
const copyingMs = 220;
const installingMs = 60;

/** Writes until the log of the primary begins after a transaction; between writes it is looked at once a second. */
async function dropLog(cluster: MatrixCluster, throughTxId: number): Promise<void> {
  const { server } = cluster.primary;
  const client = await server.client();
  // Nobody need hold it: a replica may be away.
  const write = (sql: string) => client.execute(matrixDatabase, [{ sql }], { acks: { level: 'async', acks: 0 } });
  for (let segments = 0; segments < 4; segments += 1) {
    await write(growLog);
  }
  while (Number((await server.database(matrixDatabase)).storage?.firstTxId) <= throughTxId) {
    await write(changeNothing);
    await sleep(20);
  }
}

/** Takes everything from a replica, so that it begins anew. Returns the folder in which it begins. */
async function empty(cluster: MatrixCluster, replica: MatrixNode): Promise<string> {
  await (await replica.client()).deleteDatabase(matrixDatabase);
  await cluster.attach(replica);
  return 'content-1';
}

/** Keeps a replica away until the log no longer has what it needs; its old content stays until the new one is there. Returns its folder. */
async function outrun(cluster: MatrixCluster, replica: MatrixNode): Promise<string | undefined> {
  const { content } = replica;
  const { tipTxId } = await cluster.update(replica, { replicationEnabled: false });
  const client = await cluster.primary.client();
  await client.forgetReplica(matrixDatabase, replica.name);
  await dropLog(cluster, tipTxId + 1);
  await cluster.update(replica, { replicationEnabled: true });
  return content;
}

/** Kills and stops nodes while a replica takes a snapshot, in one of the two states of that. */
export async function seedingRounds(t: TestContext, state: 'copying' | 'installing'): Promise<void> {
  const cluster = await MatrixCluster.start(t, seedingLimits, padding);
  await dropLog(cluster, 1);
  await cluster.attachReplicas();
  await cluster.settle();
  const hits = new Hits(t);
  await runRounds(t, state, cluster, async (round) => {
    const { primary } = cluster;
    const subject = round.pick(cluster.replicas);
    const other = cluster.replicas.find((replica) => replica !== subject) as MatrixNode;
    const victims = round.pick([[subject], [subject], [primary], [subject, primary], [subject, other]]);
    const content = await (round.index % 7 === 0 ? outrun : empty)(cluster, subject);
    cluster.startLoad();
    if (state === 'copying') {
      await subject.entered('copying', 'installing', 'streaming');
      await round.moment(copyingMs);
    } else {
      await subject.entered('installing', 'streaming');
      await round.moment(installingMs);
    }
    await strike(round, cluster, { subject, victims, hits });
    await cluster.settle();
    assert.notEqual(subject.content, content, 'the replica has caught up without a snapshot');
  });
  hits.report();
  hits.assertMet(state, rounds[state]);
}
