/**
 * The main promise on random data: whatever SQL a primary runs, its replicas show the same, and so does a replica that is
 * made from nothing but the log. Random schemas and statements, many of which fail on purpose, over real gRPC.
 *
 * `QUORATE_SEED=N npm test -- test/equality.property.test.ts` runs one seed, `QUORATE_SEEDS=N` so many others.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { isQuorateError, Quorate, type QuorateDatabase } from 'quorate';
import { RandomSql, type RandomStatement } from './random-sql.ts';

const transactionsPerSeed = 500;

/** Transactions after which replicas are compared, so that a difference is found near its cause. */
const comparisonInterval = 100;

/** After these transactions a node is closed and opened again: a replica that has to catch up, and the primary. */
const replicaRestartAt = 150;
const primaryRestartAt = 350;

const adminPassword = 'a password of this test';
const limits = { heartbeatIntervalMs: 50, backoffMaxMs: 100 };
const folder = mkdtempSync(path.join(os.tmpdir(), 'quorate-equality-'));

let primary: Quorate;
/** Follows the primary. */
let near: Quorate;
/** Follows `near`: a replica of a replica. */
let far: Quorate;

function seeds(): number[] {
  const { QUORATE_SEED: one, QUORATE_SEEDS: many } = process.env;
  if (one !== undefined) {
    return [Number(one)];
  }
  const first = Math.floor(Math.random() * 1_000_000);
  return many === undefined ? [1, 2, 3, 4] : Array.from({ length: Number(many) }, (_, index) => first + index);
}

/** Where nodes listen, so that one that is opened again is found by those who follow it. */
const ports = new Map<string, number | undefined>();

async function open(name: string): Promise<Quorate> {
  const listen = { port: ports.get(name) ?? 0 };
  const node = await Quorate.open({ directory: path.join(folder, name), name, listen, adminPassword, limits });
  ports.set(name, node.address?.port);
  return node;
}

async function openAgain(node: Quorate): Promise<Quorate> {
  await node[Symbol.asyncDispose]();
  return await open(node.nodeName);
}

function follow(node: Quorate, upstream: Quorate, name: string): Promise<QuorateDatabase> {
  const { address } = upstream;
  return node.replica(name, { host: '127.0.0.1', port: address?.port, username: 'admin', password: adminPassword });
}

before(async () => {
  primary = await open('primary');
  near = await open('near');
  far = await open('far');
});

after(async () => {
  for (const node of [far, near, primary]) {
    await node?.[Symbol.asyncDispose]();
  }
  rmSync(folder, { recursive: true });
});

/** Statement by statement; those that fail are left out. */
async function runInteractively(db: QuorateDatabase, statements: readonly RandomStatement[]): Promise<void> {
  await db.transaction(async (tx) => {
    for (const { sql, succeeded } of statements) {
      const accepted = await tx.execute(sql, undefined, { bigint: true }).then(
        () => true,
        (error: unknown) => !isExpected(error),
      );
      if (accepted) {
        succeeded();
      }
    }
  });
}

/** At once; one that fails takes all of them away. */
async function runAsBatch(db: QuorateDatabase, statements: readonly RandomStatement[]): Promise<void> {
  await db.batch(
    statements.map(({ sql }) => sql),
    { bigint: true },
  );
  for (const { succeeded } of statements) {
    succeeded();
  }
}

/** DISK_FULL is what SQLite says when AUTOINCREMENT has given the largest rowid there is. */
const expectedCodes: ReadonlySet<string> = new Set([
  'SQL_ERROR',
  'CONSTRAINT_VIOLATION',
  'UNSUPPORTED_STATEMENT',
  'INVALID_ARGUMENT',
  'TRANSACTION_CLOSED',
  'DISK_FULL',
]);

/** Random SQL is refused for many reasons; a defect is none of them. */
function isExpected(error: unknown): boolean {
  if (isQuorateError(error) && expectedCodes.has(error.code)) {
    return true;
  }
  throw error;
}

async function runTransaction(db: QuorateDatabase, random: RandomSql, index: number): Promise<number> {
  const statements = random.transaction();
  const run = index % 3 === 0 ? runAsBatch : runInteractively;
  const committed = await run(db, statements).then(
    () => true,
    (error: unknown) => !isExpected(error),
  );
  random.settle(committed);
  return statements.length;
}

async function assertEqual(source: QuorateDatabase, replicas: readonly QuorateDatabase[], when: string): Promise<void> {
  const expected = await source.digest();
  for (const replica of replicas) {
    const { open, failure } = await replica.status();
    await replica.waitFor(expected.position, { timeoutMs: 30_000 }).catch((cause: unknown) => {
      throw new Error(`${when}: ${JSON.stringify(failure ?? open?.replication)}`, { cause });
    });
    assert.deepEqual(await replica.digest(), expected, when);
  }
}

for (const seed of seeds()) {
  test(`replicas and a replica made from the log alone hold what the primary holds (seed ${seed})`, async (context) => {
    const name = `seed-${seed}`;
    const random = new RandomSql(seed);
    let source = await primary.createDatabase(name);
    let replicas = [await follow(near, primary, name), await follow(far, near, name)];
    let statements = 0;
    try {
      for (let index = 1; index <= transactionsPerSeed; index += 1) {
        statements += await runTransaction(source, random, index);
        if (index === replicaRestartAt) {
          far = await openAgain(far);
          replicas = [...replicas.slice(0, -1), await far.database(name)];
        }
        if (index === primaryRestartAt) {
          primary = await openAgain(primary);
          source = await primary.database(name);
        }
        if (index % comparisonInterval === 0) {
          await assertEqual(source, replicas, `after transaction ${index}`);
        }
      }
      await using late = await open(`late-${seed}`);
      await assertEqual(source, [await follow(late, primary, name)], 'made from the log alone');
    } catch (error) {
      console.error(`To replay it: QUORATE_SEED=${seed} npm test -- test/equality.property.test.ts`);
      throw error;
    }
    const { tipTxId } = (await source.status()).open ?? {};
    context.diagnostic(`${statements} statements, ${tipTxId} records`);
    for (const node of [far, near, primary]) {
      await node.deleteDatabase(name);
    }
  });
}
