import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RandomSql } from '../../test/random-sql.ts';
import { isQuorateError } from '../errors/interface.ts';
import { ReplicatedPair } from './testing/replicated-pair.ts';

const transactions = 60;
/** Errors that a client may cause. */
const expected = new Set([
  'SQL_ERROR',
  'CONSTRAINT_VIOLATION',
  'UNSUPPORTED_STATEMENT',
  'INTEGER_OUT_OF_RANGE',
  'DISK_FULL',
]);

function expectClientError(error: unknown): void {
  assert.ok(isQuorateError(error) && expected.has(error.code), String(error));
}

/** Runs one random transaction statement by statement; those that fail are left out. Returns whether it was committed. */
function runTransaction(pair: ReplicatedPair, random: RandomSql, rollBack: boolean): void {
  const { primary } = pair;
  primary.begin();
  primary.beginClient();
  for (const { sql, succeeded } of random.transaction()) {
    try {
      primary.run({ sql });
      succeeded();
    } catch (error) {
      expectClientError(error);
    }
  }
  try {
    const captured = primary.endClient();
    if (rollBack) {
      primary.rollback();
    } else {
      primary.commit();
      pair.captured.push(captured);
      pair.apply(captured);
    }
    random.settle(!rollBack);
  } catch (error) {
    expectClientError(error);
    primary.abortClient();
    primary.rollback();
    random.settle(false);
  }
}

test('random SQL on a random schema gives equal replicas, also after changes of role and from the first record on', () => {
  fc.assert(
    fc.property(fc.nat(1_000_000), (seed) => {
      using pair = new ReplicatedPair();
      const random = new RandomSql(seed);
      for (let i = 0; i < transactions; i++) {
        runTransaction(pair, random, i % 11 === 10);
        if (i === transactions / 2) {
          pair.assertEqual(`seed ${seed}, transaction ${i}`);
          pair.swapRoles();
        }
      }
      pair.assertEqual(`seed ${seed}`);
      using rebuilt = new ReplicatedPair();
      for (const captured of pair.captured) {
        rebuilt.apply(captured);
      }
      assert.deepEqual(rebuilt.digests().replica.digest, pair.digests().primary.digest, `seed ${seed}, rebuilt`);
    }),
    { numRuns: 12 },
  );
});

test('the same seed gives the same statements', () => {
  const texts = () => {
    const random = new RandomSql(42);
    return Array.from({ length: 50 }, () => random.transaction().map(({ sql, succeeded }) => [sql, succeeded()][0]));
  };
  assert.deepEqual(texts(), texts());
});
