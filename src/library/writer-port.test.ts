import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { Liveness } from './liveness.ts';
import { CountingWriterPort } from './writer-port.ts';

function channel() {
  const { port1, port2 } = new MessageChannel();
  const target = { referenced: true, ref: () => {}, unref: () => {} };
  target.ref = () => {
    target.referenced = true;
  };
  target.unref = () => {
    target.referenced = false;
  };
  // Stands for the application, which has other things to do.
  const busy = setInterval(() => {}, 1_000);
  const port = new CountingWriterPort(port1, new Liveness(target));
  return { port, far: port2, target, [Symbol.dispose]: () => clearInterval(busy) };
}

test('a channel is drained when every request of every message has its answer', async () => {
  using ends = channel();
  const { port, far, target } = ends;
  const firstAnswer = Promise.withResolvers<void>();
  port.onMessage(() => firstAnswer.resolve());
  port.post([
    ['transact', 1],
    ['transact', 2],
  ]);
  port.post([['begin', 3]]);
  assert.equal(target.referenced, true);
  let drained = false;
  const done = port.drained().then(() => {
    drained = true;
  });
  far.postMessage([
    [1, null],
    [3, null],
  ]);
  await firstAnswer.promise;
  await Promise.resolve();
  assert.equal(drained, false);
  far.postMessage([[2, null]]);
  await done;
  assert.equal(target.referenced, false);
  port.close();
});

test('a writer that is gone leaves nobody waiting and keeps no process alive', async () => {
  using ends = channel();
  const { port, far, target } = ends;
  port.onMessage(() => {});
  port.post([['transact', 1]]);
  far.close();
  await port.drained();
  assert.equal(target.referenced, false);
});
