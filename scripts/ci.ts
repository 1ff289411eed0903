/** Everything that CI runs, in one program. Ends with `N passed, N failed`: tests and checks counted together. */
import { checks, runCheck } from './checks.ts';
import { findTestFiles, runTests } from './test.ts';

function runChecks(): string[] {
  return Object.keys(checks).filter((name) => {
    const startMs = performance.now();
    console.log(`--- ${name}`);
    const passed = runCheck(name);
    console.log(`--- ${name}: ${passed ? 'ok' : 'FAILED'} (${((performance.now() - startMs) / 1000).toFixed(1)} s)`);
    return !passed;
  });
}

const failedChecks = runChecks();
const tests = await runTests(findTestFiles());
const noTests = tests.passed + tests.failed === 0 ? ['tests: none was found'] : [];
const failures = [...failedChecks, ...noTests];
if (failures.length > 0) {
  console.log(`failed: ${failures.join(', ')}`);
}
const passed = Object.keys(checks).length - failedChecks.length + tests.passed;
const failed = failures.length + tests.failed;
console.log(`${passed} passed, ${failed} failed`);
// Not later: what a test that was ended has left running may still hold a pipe to this process.
process.exit(failed === 0 ? 0 : 1);
