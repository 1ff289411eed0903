import assert from 'node:assert/strict';
import { once } from 'node:events';
import os from 'node:os';
import process from 'node:process';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';

const module = new URL('./thread-priority.ts', import.meta.url).href;
const code = `import(${JSON.stringify(module)}).then(({ lowerThreadPriority }) => {
  lowerThreadPriority();
  require('node:worker_threads').parentPort.postMessage(require('node:os').getPriority());
})`;

test('a thread lowers its own priority and no other', { skip: process.platform !== 'linux' }, async () => {
  const before = os.getPriority();
  const [priority] = await once(new Worker(code, { eval: true }), 'message');
  assert.equal(priority, Math.min(19, before + 10));
  assert.equal(os.getPriority(), before);
});
