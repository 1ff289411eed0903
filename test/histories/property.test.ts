import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RandomSource } from '../random-source.ts';
import { fromEdn, fromJsonLines, toEdn, toJsonLines } from './jepsen-format.ts';
import { checkLinearizability } from './linearizability.ts';
import { checkListAppend } from './list-append.ts';
import { type ModelOptions, validHistory } from './model.ts';
import { listMutations, registerMutations } from './mutations.ts';
import { operationsOf } from './operation.ts';
import { checkSessions, checkStaleness } from './sessions.ts';

const seeds = Array.from({ length: 150 }, (_, i) => i + 1);

function options(seed: number, kind: ModelOptions['kind']): ModelOptions {
  const random = new RandomSource(seed);
  return {
    seed,
    kind,
    operations: random.int(10, 150),
    processes: random.int(2, 8),
    keys: random.int(1, 4),
    unknown: random.pick([0, 0.05]),
    refused: random.pick([0, 0.1]),
  };
}

test('right histories of registers are linearizable', () => {
  for (const seed of seeds) {
    const operations = operationsOf(validHistory(options(seed, 'register')));
    assert.deepEqual(checkLinearizability(operations), [], `seed ${seed}`);
  }
});

test('right histories of lists break no rule', () => {
  for (const seed of seeds) {
    const operations = operationsOf(validHistory(options(seed, 'list')));
    const found = [...checkListAppend(operations), ...checkSessions(operations), ...checkStaleness(operations)];
    assert.deepEqual(found, [], `seed ${seed}`);
  }
});

test('histories survive a round trip in both forms', () => {
  for (const seed of seeds) {
    const events = validHistory(options(seed, seed % 2 === 0 ? 'list' : 'register'));
    assert.deepEqual(fromEdn(toEdn(events)), events);
    assert.deepEqual(fromJsonLines(toJsonLines(events)), events);
  }
});

for (const [name, mutate] of Object.entries({ ...registerMutations, ...listMutations })) {
  test(`a defect is found wherever it is put: ${name}`, () => {
    const kind = name in registerMutations ? 'register' : 'list';
    let mutated = 0;
    for (const seed of seeds) {
      const events = mutate(validHistory(options(seed, kind)), new RandomSource(seed));
      if (events !== undefined) {
        mutated += 1;
        const operations = operationsOf(events);
        const found = kind === 'register' ? checkLinearizability(operations) : checkListAppend(operations);
        assert.notDeepEqual(found, [], `seed ${seed}`);
      }
    }
    assert.ok(mutated > seeds.length / 2, `only ${mutated} histories had a place for it`);
  });
}

/** The shortest of three runs, since other work may come between. */
function shortestMs(run: () => void): number {
  const times = [1, 2, 3].map(() => {
    const start = process.cpuUsage();
    run();
    return process.cpuUsage(start).user / 1000;
  });
  return Math.min(...times);
}

test('10,000 list-append transactions are checked within 2 s', () => {
  const operations = operationsOf(
    validHistory({ seed: 1, kind: 'list', operations: 10_000, processes: 10, keys: 100, unknown: 0.01 }),
  );
  const ms = shortestMs(() => assert.deepEqual(checkListAppend(operations), []));
  assert.ok(ms < 2000, `it took ${ms} ms`);
});

test('10 processes with 2,000 operations each on 20 registers are checked within 2 s', () => {
  const operations = operationsOf(
    validHistory({ seed: 1, kind: 'register', operations: 20_000, processes: 10, keys: 20, unknown: 0.002 }),
  );
  const ms = shortestMs(() => assert.deepEqual(checkLinearizability(operations), []));
  assert.ok(ms < 2000, `it took ${ms} ms`);
});
