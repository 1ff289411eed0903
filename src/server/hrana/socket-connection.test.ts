import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { HranaContext } from './hrana-context.ts';
import { SocketConnection } from './socket-connection.ts';

/** A connection on which nothing comes but what a test says, and the timers that it has started. */
function connection() {
  const timers: { delayMs: number; fire: () => void; isCancelled: boolean }[] = [];
  const after = (delayMs: number, fire: () => void) => {
    const timer = { delayMs, fire, isCancelled: false };
    timers.push(timer);
    return {
      cancel: () => {
        timer.isCancelled = true;
      },
    };
  };
  const closed: number[] = [];
  const client = Object.assign(new EventEmitter(), {
    ...{ OPEN: 1, readyState: 1, bufferedAmount: 0, isPaused: false },
    ...{ send: () => {}, close: (code: number) => closed.push(code) },
  });
  const context = {
    node: {
      runtime: { timers: { after }, clock: { monotonicMs: () => 0 } },
      authenticator: { authenticate: () => ({}) },
    },
    decoder: { clientMessage: (json: unknown) => json },
    limits: {},
  };
  const socket = { cork: () => {}, uncork: () => {} };
  new SocketConnection(context as unknown as HranaContext, { client, socket, database: 'shop', trace: {} } as never);
  return { client, closed, waiting: () => timers.filter(({ isCancelled }) => !isCancelled) };
}

test('a client that does not say who it is loses its connection, and one that does keeps it', () => {
  const silent = connection();
  const [first, ...others] = silent.waiting().sort((one, other) => one.delayMs - other.delayMs);
  assert.deepEqual([first?.delayMs, others.length], [10_000, 1]);
  first?.fire();
  assert.deepEqual(silent.closed, [1008]);
  silent.client.emit('close');
  assert.deepEqual(silent.waiting(), []);

  const known = connection();
  known.client.emit('message', Buffer.from('{"type":"hello"}'), false);
  assert.deepEqual(
    known.waiting().map(({ delayMs }) => delayMs),
    [30_000],
  );
  known.client.emit('close');
});
