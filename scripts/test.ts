/** Runs the tests: `npm test` for all, `npm test -- PATH…` for some files or folders. Ends with `N passed, N failed`. */
import { globSync, statSync } from 'node:fs';
import path from 'node:path';
import { run } from 'node:test';
import { spec, type TestEvent } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Test files at once; each is a process, and some of them start servers. */
const concurrency = 2;

/** A test, or a whole file of them, that has not ended by then has failed. */
const timeoutMs = 6 * 60_000;

/** A file that goes on after that, because something in it keeps it alive, is ended. */
const fileTimeoutMs = timeoutMs + 10_000;

export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
}

interface FileOutcome extends TestCounts {
  /** What is printed of it. */
  readonly text: string;
}

/** Under it the reporter tells at the end of a file what failed, and why. */
const failureHeading = '✖ failing tests:';

/** All test files, or those among the given files and folders (absolute or relative to the root). */
export function findTestFiles(selection: readonly string[] = ['src', 'test']): string[] {
  return selection.flatMap((entry) => {
    const full = path.resolve(root, entry);
    return statSync(full).isDirectory()
      ? globSync('**/*.test.ts', { cwd: full, exclude: ['**/node_modules/**'] }).map((name) => path.join(full, name))
      : [full];
  });
}

/** Runs test files, each in a process of its own, and prints the results of each when it has ended, and what failed at the end. */
export async function runTests(files: readonly string[]): Promise<TestCounts> {
  const waiting = [...files].sort();
  const total = { passed: 0, failed: 0 };
  const failures: string[] = [];
  const runWaiting = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const { passed, failed, text } = await runFile(file);
      process.stdout.write(text);
      total.passed += passed;
      total.failed += failed;
      if (failed > 0) {
        failures.push(text.slice(Math.max(0, text.indexOf(failureHeading))));
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, runWaiting));
  process.stdout.write(failures.join(''));
  return total;
}

/** A cancelled test counts as failed, and so does a file that hangs or runs no test. */
async function runFile(file: string): Promise<FileOutcome> {
  const name = path.relative(root, file);
  const signal = AbortSignal.timeout(fileTimeoutMs);
  const stream = run({ files: [file], execArgv: ['--conditions=quorate-source'], timeout: timeoutMs, signal });
  let counts: TestCounts | undefined;
  let isEmpty = false;
  // The runner reports a file in which no test has run as one test by the name of the file.
  stream.on('test:pass', (result) => {
    isEmpty ||= result.nesting === 0 && result.name === file;
  });
  stream.on('test:summary', ({ file: only, counts: { tests, passed, skipped, todo } }) => {
    if (only === undefined) {
      counts = { passed, failed: tests - passed - skipped - todo };
    }
  });
  let text = `${name}\n`;
  for await (const part of stream.compose(withoutTotals).compose(spec)) {
    text += part;
  }
  if (signal.aborted) {
    text += `✖ ${name} did not end and was ended after ${fileTimeoutMs / 1000} s\n`;
    return { passed: counts?.passed ?? 0, failed: Math.max(1, counts?.failed ?? 0), text };
  }
  if (isEmpty || counts === undefined) {
    return { passed: 0, failed: 1, text: `${text}✖ ${name} has run no test\n` };
  }
  return { ...counts, text };
}

/** Leaves out the totals of each file; those of all files are printed at the end. */
async function* withoutTotals(events: AsyncIterable<TestEvent>): AsyncGenerator<TestEvent> {
  for await (const event of events) {
    if (event.type !== 'test:diagnostic' && event.type !== 'test:summary') {
      yield event;
    }
  }
}

if (import.meta.main) {
  const selection = process.argv.slice(2);
  const counts = await runTests(findTestFiles(selection.length > 0 ? selection : undefined));
  if (counts.passed + counts.failed === 0) {
    console.error('No test was found.');
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed`);
  // Not later: what a test that was ended has left running may still hold a pipe to this process.
  process.exit(counts.failed === 0 && counts.passed > 0 ? 0 : 1);
}
