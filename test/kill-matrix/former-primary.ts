/** Former primaries that go back to what the new primary has. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { isQuorateError } from '../../src/errors/interface.ts';
import type { MatrixCluster } from './matrix-cluster.ts';
import { type MatrixNode, matrixDatabase } from './matrix-node.ts';
import type { Round } from './rounds.ts';
import { WriteLedger } from './write-ledger.ts';

/** Writes that only the former primary commits; taking them back takes a moment. */
const lostWrites = 400;
const lostWriteBytes = 1_000;
const lostWriters = 40;

/** Writes that only the former primary has in its log. */
const unacknowledgedWrites = 30;
const soonMs = 50;

/** Rows of lost histories are told from all others, and from each other, by their numbers. */
const firstLostNumber = 1_000_000_000;
const numbersOfRound = 1_000_000;

/** Hands the primary's role to a replica without telling the old primary, which stays alone. */
export async function usurp(cluster: MatrixCluster, heir: MatrixNode): Promise<MatrixNode> {
  const former = cluster.primary;
  const witness = cluster.replicas.find((replica) => replica !== heir) as MatrixNode;
  await cluster.follow(witness, heir);
  await cluster.promote(heir);
  return former;
}

/** The former primary goes on for a while and commits what nobody else has. */
export async function commitAlone(cluster: MatrixCluster, former: MatrixNode, round: Round): Promise<WriteLedger> {
  await cluster.update(former, { acks: { ...noChange, level: 'async' } });
  const first = firstLostNumber + round.index * numbersOfRound;
  const ledger = new WriteLedger(first);
  const client = await former.client();
  await Promise.all(
    Array.from({ length: lostWriters }, async () => {
      while (ledger.next < first + lostWrites) {
        await ledger.write(client, lostWriteBytes);
      }
    }),
  );
  assert.ok(ledger.committed >= lostWrites);
  return ledger;
}

/** The former primary takes writes that nobody acknowledges: they end in doubt, or are refused. */
export async function writeUnacknowledged(cluster: MatrixCluster, former: MatrixNode): Promise<void> {
  await cluster.update(former, { acks: { ...noChange, timeoutMs: soonMs } });
  const client = await former.client();
  const { inDoubt } = cluster.ledger;
  const committed = await Promise.all(
    Array.from({ length: unacknowledgedWrites }, () => cluster.ledger.write(client, lostWriteBytes)),
  );
  assert.ok(!committed.includes(true), 'a write was answered that no replica held');
  assert.ok(cluster.ledger.inDoubt > inDoubt, 'no write has reached the log');
}

const noChange = { level: '', acks: 0, members: [], whenShort: '', degradeAfterMs: 0, timeoutMs: 0 };

/** Brings a former primary to stream, whatever has become of earlier attempts. */
export async function rejoinUntilStreaming(cluster: MatrixCluster, former: MatrixNode): Promise<void> {
  const { role } = await former.server.database(matrixDatabase);
  if (role === 'primary') {
    await cluster.follow(former, cluster.primary);
  }
  while ((await former.entered('streaming', 'diverged')) === 'diverged') {
    await tryToRejoin(former);
  }
}

/** Does not mind a server that dies, or one that has done it already. */
export async function tryToRejoin(former: MatrixNode): Promise<void> {
  try {
    await (await former.client()).verification.rejoin(matrixDatabase, false);
  } catch (error) {
    if (!isQuorateError(error) || !['UNAVAILABLE', 'CANCELLED', 'WRONG_ROLE'].includes(error.code)) {
      throw error;
    }
  }
}

/** What a former primary had committed alone stands in the files that it saved before it went back (invariant I6). */
export function assertSaved(former: MatrixNode, lost: WriteLedger): void {
  const saved = new Set<number>();
  for (const file of globSync('diverged-*.jsonl', { cwd: path.join(former.databaseDirectory, 'saved') })) {
    for (const number of savedNumbers(path.join(former.databaseDirectory, 'saved', file))) {
      saved.add(number);
    }
  }
  assert.deepEqual(lost.missing(saved), [], 'transactions went that no file has');
}

/** The last line of a file may be cut by a kill. */
function savedNumbers(file: string): number[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, number] = /"table":"written","key":\{"number":(\d+)\}/.exec(line) ?? [];
      return number === undefined ? [] : [Number(number)];
    });
}
