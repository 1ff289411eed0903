import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { SharedPositions } from './shared-positions.ts';

const steps = 100_000;

/** Moves the positions forward as a writer thread does. */
const moveForward = `
  import { workerData } from 'node:worker_threads';
  const { SharedPositions } = await import(workerData.module);
  const positions = new SharedPositions(workerData.buffer);
  for (let txId = 1; txId <= ${steps}; txId += 1) {
    for (const name of ['tip', 'durable', 'commit', 'applied']) {
      positions.set(name, txId);
    }
  }
`;

test('positions that are read while they move are in order: nothing is applied before it is durable', async () => {
  const positions = new SharedPositions();
  const workerData = { module: new URL('./shared-positions.ts', import.meta.url).href, buffer: positions.buffer };
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(moveForward)}`), { workerData });
  await new Promise((resolve) => worker.once('online', resolve));
  let seen = positions.read();
  while (seen.applied < steps) {
    seen = positions.read();
    const { applied, commit, durable, tip } = seen;
    assert.ok(applied <= commit && commit <= durable && durable <= tip, JSON.stringify(seen));
  }
  await worker.terminate();
});

/** Posts once. */
const post = `
  import { workerData } from 'node:worker_threads';
  const { SharedPositions } = await import(workerData.module);
  new SharedPositions(workerData.buffer).notePost();
`;

test('who waits for a post is woken by it, and does not wait for one that has come already', async () => {
  const positions = new SharedPositions();
  const longMs = 60_000;
  const workerData = { module: new URL('./shared-positions.ts', import.meta.url).href, buffer: positions.buffer };
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(post)}`), { workerData });
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  const beganMs = performance.now();
  positions.waitForPost(0, longMs);
  assert.equal(positions.get('posted'), 1);
  positions.waitForPost(0, longMs);
  assert.ok(performance.now() - beganMs < longMs);
  positions.waitForPost(1, 1);
  await exited;
});
