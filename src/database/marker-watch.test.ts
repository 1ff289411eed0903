import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Timers } from '../runtime/interface.ts';
import { MarkerWatch } from './marker-watch.ts';

const marker = 'ab'.repeat(16);
const operations = Uint8Array.of(7, 16, ...new Array(16).fill(0xab));

/** Timers that run when the test says so. */
class ManualTimers implements Timers {
  readonly waiting = new Set<() => void>();

  after(_delayMs: number, action: () => void): { cancel(): void } {
    this.waiting.add(action);
    return { cancel: () => this.waiting.delete(action) };
  }

  sleep(): Promise<void> {
    return Promise.resolve();
  }

  run(): void {
    for (const action of this.waiting) {
      this.waiting.delete(action);
      action();
    }
  }
}

function watch() {
  const timers = new ManualTimers();
  const events: string[] = [];
  const markers = new MarkerWatch({
    timers,
    onReached: (reached, txId) => events.push(`${reached} at ${txId}`),
    onReleased: () => events.push('released'),
  });
  return { timers, events, markers };
}

test('the writer stands still only at markers that somebody waits for, until it is released', () => {
  const { timers, events, markers } = watch();
  assert.equal(markers.awaitedIn(operations), undefined);
  markers.await(marker);
  assert.equal(markers.awaitedIn(Uint8Array.of(2, 1, 65)), undefined);
  assert.equal(markers.awaitedIn(operations), marker);
  markers.reached(marker, 7);
  assert.ok(markers.isHeld);
  markers.release('cd'.repeat(16));
  assert.ok(markers.isHeld, 'another marker releases nothing');
  markers.release(marker);
  assert.ok(!markers.isHeld);
  assert.deepEqual(events, [`${marker} at 7`, 'released']);
  assert.equal(timers.waiting.size, 0);
  assert.equal(markers.awaitedIn(operations), undefined, 'a marker is awaited once');
});

test('when nobody releases the writer it goes on by itself', () => {
  const { timers, events, markers } = watch();
  markers.await(marker);
  markers.reached(marker, 7);
  timers.run();
  assert.ok(!markers.isHeld);
  assert.equal(events.at(-1), 'released');
});

test('markers that nobody ever writes do not pile up', () => {
  const { markers } = watch();
  markers.await(marker);
  for (let i = 0; i < 32; i++) {
    markers.await(i.toString(16).padStart(32, '0'));
  }
  assert.equal(markers.awaitedIn(operations), undefined);
});
