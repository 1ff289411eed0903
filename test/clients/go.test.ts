import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createDatabase, startHranaServer, transports } from '../hrana-server.ts';

const source = fileURLToPath(new URL('./go', import.meta.url));
const directory = mkdtempSync(path.join(os.tmpdir(), 'quorate-go-'));
const program = path.join(directory, 'check');

/** Builds the program once; a reason when this machine cannot, because it has no Go or no modules. */
function build(): string | undefined {
  const { status, stderr, error } = spawnSync('go', ['build', '-o', program], { cwd: source, encoding: 'utf8' });
  if (error !== undefined) {
    return `Go is not installed: ${error.message}`;
  }
  const isOffline = /dial tcp|lookup .* no such host|connection refused|module lookup disabled/.test(stderr);
  assert.ok(status === 0 || isOffline, stderr);
  return isOffline ? `the Go modules cannot be had: ${stderr}` : undefined;
}

const missing = build();
const hrana = await startHranaServer();

for (const transport of transports) {
  test(`libsql-client-go over ${transport}: statements, values, transactions`, async (t: TestContext) => {
    if (missing !== undefined) {
      t.skip(missing);
      return;
    }
    const url = hrana.url(transport, await createDatabase(hrana, `go-${transport}`));
    const env = { ...process.env, LIBSQL_TOKEN: hrana.token };
    const { stdout } = await promisify(execFile)(program, [url], { env });
    assert.equal(stdout, '1 one 1.5 [1 2] 2 true\n');
  });
}

process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
