/** Every program of examples/ runs, and says what it is there to show. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { exampleNames } from '../scripts/example.ts';

const runner = fileURLToPath(new URL('../scripts/example.ts', import.meta.url));

const expected: Readonly<Record<string, readonly string[]>> = {
  'first-steps': ['Customer 1 is Ada of London.', '1: Ada', '2: Grace'],
  'import-export': ['Large: Kyiv, Lima, Quito', 'Cities in the exported file: 4'],
  'read-replica': [
    "On the replica: [ { name: 'Anvil', price: 49.5 }, { name: 'Rope', price: 8 } ]",
    'Writing to the replica: READ_ONLY_REPLICA',
    'The replica is streaming.',
  ],
  'read-your-writes': [
    'After "buy milk" the replica shows 1 notes.',
    'After "call Ada" the replica shows 2 notes.',
    'After "sleep" the replica shows 3 notes.',
    'WAIT_TIMEOUT, retryable: true',
  ],
  transactions: [
    'Ada has 70 left.',
    'Refused: CONSTRAINT_VIOLATION.',
    'Ada: 70',
    'Grace H.: 50',
    'Edsger: 7',
    'In total: 127.',
  ],
};

for (const name of exampleNames()) {
  test(`the example ${name} does what it says`, () => {
    const output = execFileSync(process.execPath, ['--conditions=quorate-source', runner, name], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.deepEqual(output.trimEnd().split('\n'), expected[name]);
  });
}

test('an example that does not exist is answered with those that do', () => {
  assert.throws(() => execFileSync(process.execPath, [runner, 'nothing'], { stdio: 'pipe', encoding: 'utf8' }), {
    status: 2,
    stderr: /first-steps/,
  });
});
