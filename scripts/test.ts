/** Runs the tests: `npm test` for all, `npm test -- PATH…` for some files or folders. Ends with `N passed, N failed`. */
import { globSync, statSync } from 'node:fs';
import path from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Test files at once; each is a process, and some of them start servers. */
const concurrency = 2;

/** A test file that takes longer hangs. */
const fileTimeoutMs = 15 * 60_000;

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
}

/** All test files, or those among the given files and folders (absolute or relative to the root). */
export function findTestFiles(selection: readonly string[] = ['src', 'test']): string[] {
  return selection.flatMap((entry) => {
    const full = path.resolve(root, entry);
    return statSync(full).isDirectory()
      ? globSync('**/*.test.ts', { cwd: full, exclude: ['**/node_modules/**'] }).map((name) => path.join(full, name))
      : [full];
  });
}

/** Runs test files, each in a process of its own, and prints what happens. A cancelled test counts as failed. */
export async function runTests(files: readonly string[]): Promise<TestCounts> {
  const counts = { passed: 0, failed: 0 };
  const stream = run({
    files: [...files].sort(),
    concurrency,
    timeout: fileTimeoutMs,
    execArgv: ['--conditions=quorate-source'],
  });
  stream.on('test:summary', (summary) => {
    if (summary.file === undefined) {
      const { tests, passed, skipped, todo } = summary.counts;
      counts.passed = passed;
      counts.failed = tests - passed - skipped - todo;
    }
  });
  for await (const text of stream.compose(spec)) {
    process.stdout.write(text);
  }
  return counts;
}

if (import.meta.main) {
  const selection = process.argv.slice(2);
  const counts = await runTests(findTestFiles(selection.length > 0 ? selection : undefined));
  if (counts.passed + counts.failed === 0) {
    console.error('No test was found.');
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
}
