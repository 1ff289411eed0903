/** The client that follows is for applications without a database engine: it loads nothing of one. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

test('the following client loads no SQLite, no gRPC and nothing of the server', () => {
  const program = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    await import('quorate/client');
    console.log(JSON.stringify(loaded));`;
  const args = ['--conditions=quorate-source', '--input-type=module', '-e', program];
  const loaded = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as string[];
  assert.ok(loaded.some((url) => url.includes('/following-client/')));
  const layer = /node:sqlite|@grpc|src\/(server|library|database|sqlite|log|replication|client|cluster|proto)\//;
  assert.deepEqual(
    loaded.filter((url) => layer.test(url)),
    [],
  );
});
