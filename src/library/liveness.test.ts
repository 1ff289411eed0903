import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Liveness } from './liveness.ts';

function observedTarget() {
  const target = { referenced: true, ref: () => {}, unref: () => {} };
  target.ref = () => {
    target.referenced = true;
  };
  target.unref = () => {
    target.referenced = false;
  };
  return target;
}

test('the process is kept alive from the first wait to the end of the last one, and not before or after', async () => {
  const target = observedTarget();
  const liveness = new Liveness(target);
  assert.equal(target.referenced, false);
  liveness.hold(2);
  liveness.hold();
  liveness.release(2);
  assert.equal(target.referenced, true);
  liveness.release();
  assert.equal(target.referenced, false);

  const wait = Promise.withResolvers<string>();
  const held = liveness.during(wait.promise);
  assert.equal(target.referenced, true);
  wait.resolve('value');
  assert.equal(await held, 'value');
  assert.equal(target.referenced, false);
});

test('a wait that fails is a wait that ended', async () => {
  const target = observedTarget();
  const liveness = new Liveness(target);
  await assert.rejects(liveness.during(Promise.reject(new Error('no'))), /no/);
  assert.equal(target.referenced, false);
});
