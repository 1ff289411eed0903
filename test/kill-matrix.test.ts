/**
 * Real processes that are killed and stopped in every state of replication, at random moments.
 *
 * `KILL_MATRIX_SEED=N` repeats the choices of a run, and `KILL_MATRIX_ROUND=I` runs only the round of that number in each test.
 */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { MatrixCluster } from './kill-matrix/matrix-cluster.ts';
import { type MatrixNode, matrixDatabase } from './kill-matrix/matrix-node.ts';
import {
  assertSaved,
  commitAlone,
  rejoinUntilStreaming,
  tryToRejoin,
  usurp,
  writeUnacknowledged,
} from './kill-matrix/rewinding.ts';
import { Round, strike } from './kill-matrix/rounds.ts';

const seed = Number(process.env['KILL_MATRIX_SEED'] ?? Date.now() % 1_000_000);
const onlyRound = process.env['KILL_MATRIX_ROUND'];

/** 200 in all. */
const rounds = { streaming: 80, seeding: 70, rewinding: 30, cutting: 20 };

/** Share of the rounds of a state whose fault must have met it: moments are random, and states may pass before. */
const leastShare = 0.5;

/** Counts in which state the replica was at the moment of the fault. */
class Hits {
  readonly #counts = new Map<string, number>();

  note(state: string): void {
    this.#counts.set(state, (this.#counts.get(state) ?? 0) + 1);
  }

  report(t: TestContext): void {
    t.diagnostic(`states at the moment of the fault: ${JSON.stringify(Object.fromEntries(this.#counts))}`);
  }

  assertAtLeast(count: number, ...states: readonly string[]): void {
    const met = states.reduce((sum, state) => sum + (this.#counts.get(state) ?? 0), 0);
    assert.ok(onlyRound !== undefined || met >= count, `only ${met} faults met the state ${states.join(' or ')}`);
  }
}

/** Runs the rounds of one test; one that fails says how to run it again. */
async function runRounds(t: TestContext, scenario: number, count: number, run: (round: Round) => Promise<void>) {
  t.diagnostic(`KILL_MATRIX_SEED=${seed}`);
  const indices = onlyRound === undefined ? Array.from({ length: count }, (_, i) => i) : [Number(onlyRound)];
  for (const index of indices) {
    try {
      await run(new Round(seed, scenario, index));
    } catch (error) {
      throw new Error(`failed with KILL_MATRIX_SEED=${seed} KILL_MATRIX_ROUND=${index}`, { cause: error });
    }
  }
}

/** Halts victims; notes the state of one replica as it was then. */
async function strikeAt(
  round: Round,
  cluster: MatrixCluster,
  { subject, victims, hits }: { subject: MatrixNode; victims: readonly MatrixNode[]; hits: Hits },
): Promise<void> {
  const before = subject.replicatorState;
  await strike(round, victims, async () => {
    // What a halted server has logged last was true when it halted.
    hits.note(victims.includes(subject) ? subject.replicatorState : before);
    await cluster.assertHeld();
  });
}

test(`streaming nodes that are killed and stopped ${rounds.streaming} times keep every acknowledged write and end equal`, async (t) => {
  const cluster = await MatrixCluster.start(t, ['--log-segment-bytes', '1MiB', '--log-retention-bytes', '8MiB']);
  await cluster.attachReplicas();
  await cluster.settle();
  const hits = new Hits();
  await runRounds(t, 1, rounds.streaming, async (round) => {
    const { primary } = cluster;
    const [first, second] = cluster.replicas as [MatrixNode, MatrixNode];
    const choices = [[primary], [primary], [first], [second], [first, second], [primary, first], [primary, second]];
    const victims = round.pick(choices);
    cluster.startLoad();
    await round.moment(150);
    await strikeAt(round, cluster, { subject: victims.find((node) => node !== primary) ?? first, victims, hits });
    await cluster.settle();
  });
  await cluster.assertAllKept();
  hits.report(t);
  hits.assertAtLeast(rounds.streaming * leastShare, 'streaming');
  const { committed, inDoubt, refused } = cluster.ledger;
  t.diagnostic(`${committed} writes committed, ${inDoubt} in doubt, ${refused} refused`);
  assert.ok(onlyRound !== undefined || inDoubt > rounds.streaming, 'hardly a write was on its way');
});

/** Snapshots of a few MB, from a log whose beginning is gone. */
const seedingLimits = [
  ...['--log-segment-bytes', '64KiB', '--log-retention-bytes', '128KiB'],
  ...['--snapshot-rate-bytes', '12MiB', '--snapshot-chunk-bytes', '64KiB'],
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

/** Takes everything from a replica, so that it begins anew. */
async function empty(cluster: MatrixCluster, replica: MatrixNode): Promise<void> {
  await (await replica.client()).deleteDatabase(matrixDatabase);
  await cluster.attach(replica);
}

/** Keeps a replica away until the log no longer has what it needs; its old content stays until the new one is there. */
async function outrun(cluster: MatrixCluster, replica: MatrixNode): Promise<void> {
  const { tipTxId } = await cluster.update(replica, { replicationEnabled: false });
  const client = await cluster.primary.client();
  await client.forgetReplica(matrixDatabase, replica.name);
  await dropLog(cluster, tipTxId);
  await cluster.update(replica, { replicationEnabled: true });
}

test(`nodes that are killed and stopped ${rounds.seeding} times while a replica copies or installs a snapshot keep every acknowledged write and end equal`, async (t) => {
  const cluster = await MatrixCluster.start(t, seedingLimits, padding);
  await dropLog(cluster, 1);
  await cluster.attachReplicas();
  await cluster.settle();
  const hits = new Hits();
  await runRounds(t, 2, rounds.seeding, async (round) => {
    const { primary } = cluster;
    const subject = round.pick(cluster.replicas);
    const other = cluster.replicas.find((replica) => replica !== subject) as MatrixNode;
    const victims = round.pick([[subject], [subject], [primary], [subject, primary], [subject, other]]);
    await (round.index % 10 === 0 ? outrun : empty)(cluster, subject);
    cluster.startLoad();
    if (round.index % 2 === 0) {
      await subject.entered('copying', 'installing', 'streaming');
      await round.moment(copyingMs);
    } else {
      await subject.entered('installing', 'streaming');
      await round.moment(installingMs);
    }
    await strikeAt(round, cluster, { subject, victims, hits });
    await cluster.settle();
  });
  await cluster.assertAllKept();
  hits.report(t);
  hits.assertAtLeast((rounds.seeding / 2) * leastShare, 'copying');
  hits.assertAtLeast((rounds.seeding / 2) * leastShare, 'installing');
});

/** How long the rewinding of a former primary lasts about, in milliseconds. */
const rejoiningMs = 60;
const cuttingMs = 60;

test(`nodes that are killed and stopped ${rounds.rewinding} times while a former primary goes back save what it had alone and end equal`, async (t) => {
  const cluster = await MatrixCluster.start(t, []);
  await cluster.attachReplicas();
  await cluster.settle();
  const hits = new Hits();
  await runRounds(t, 3, rounds.rewinding, async (round) => {
    const subject = await usurp(cluster, round.pick(cluster.replicas));
    cluster.startLoad();
    const lost = await commitAlone(cluster, subject);
    await cluster.follow(subject, cluster.primary);
    await subject.entered('diverged');
    const rejoining = tryToRejoin(subject);
    await subject.entered('stopped', 'streaming');
    await round.moment(rejoiningMs);
    const victims = round.pick([[subject], [subject], [subject], [cluster.primary], cluster.nodes]);
    await strikeAt(round, cluster, { subject, victims, hits });
    await rejoining;
    await rejoinUntilStreaming(cluster, subject);
    await cluster.settle();
    assertSaved(subject, lost);
  });
  await cluster.assertAllKept();
  hits.report(t);
  hits.assertAtLeast(rounds.rewinding * leastShare, 'stopped');
});

test(`nodes that are killed and stopped ${rounds.cutting} times while the tail of a former primary is cut keep every acknowledged write and end equal`, async (t) => {
  const cluster = await MatrixCluster.start(t, []);
  await cluster.attachReplicas();
  await cluster.settle();
  const hits = new Hits();
  await runRounds(t, 4, rounds.cutting, async (round) => {
    const subject = await usurp(cluster, round.pick(cluster.replicas));
    await writeUnacknowledged(cluster, subject);
    cluster.startLoad();
    const following = cluster.follow(subject, cluster.primary);
    await round.moment(cuttingMs);
    const victims = round.pick([[subject], [subject], [subject], [cluster.primary], [subject, cluster.primary]]);
    await strikeAt(round, cluster, { subject, victims, hits });
    await following;
    await rejoinUntilStreaming(cluster, subject);
    await cluster.settle();
  });
  await cluster.assertAllKept();
  hits.report(t);
  hits.assertAtLeast(rounds.cutting * leastShare, 'negotiating', 'connecting', 'backing-off');
});
