import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import { TestFolder } from '../../test/test-database.ts';
import type { Runtime } from '../runtime/interface.ts';
import { SharedPositions } from './shared-positions.ts';
import { WriterCore } from './writer-core.ts';
import type { RoleSettings, WriterPort, WriterReply, WriterRequest, WriterToHost } from './writer-messages.ts';

const hour = 3_600_000;
const tenMinutes = hour / 6;

interface Time {
  ms: number;
  /** Timers that were set and not cancelled: when they ring, and what then. */
  readonly timers: Set<{ readonly atMs: number; readonly action: () => void }>;
}

function newTime(): Time {
  return { ms: 1_800_000_000_000, timers: new Set() };
}

/** Moves the clock and rings what is due on the way. */
function advance(time: Time, byMs: number): void {
  const endMs = time.ms + byMs;
  for (;;) {
    const [next] = [...time.timers].filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
    if (next === undefined) {
      break;
    }
    time.timers.delete(next);
    time.ms = Math.max(time.ms, next.atMs);
    next.action();
  }
  time.ms = endMs;
}

function runtimeAt(time: Time, runtime: Runtime): Runtime {
  return {
    ...runtime,
    clock: { nowMs: () => time.ms, monotonicMs: () => time.ms },
    timers: {
      ...runtime.timers,
      after(delayMs, action) {
        const timer = { atMs: time.ms + delayMs, action };
        time.timers.add(timer);
        return { cancel: () => time.timers.delete(timer) };
      },
    },
  };
}

/** A writer on this thread under a clock of the test; what it appends to its log is kept. */
class ManualWriter {
  readonly positions: SharedPositions;
  readonly appended: Uint8Array[] = [];
  databaseId: Uint8Array = new Uint8Array();
  readonly #replies: WriterReply[] = [];
  #nextId = 1;
  #listener: (message: unknown) => void = () => {};

  constructor(folder: TestFolder, database: string, role: RoleSettings, time: Time) {
    const { runtime, directory, name, origin, limits } = folder.context(database);
    mkdirSync(directory, { recursive: true });
    const port: WriterPort = {
      post: (message) => {
        const { replies = [], events = [] } = message as WriterToHost;
        this.#replies.push(...replies);
        for (const event of events) {
          if (event[0] === 'appended') {
            this.appended.push(event[1]);
          } else if (event[0] === 'log-opened') {
            this.databaseId = event[1];
          }
        }
      },
      onMessage: (listener) => {
        this.#listener = listener;
      },
      onClose: () => {},
      close: () => {},
    };
    const neededFrom = Number.MAX_SAFE_INTEGER;
    const start = { directory, name, origin, limits, role, neededFrom, positions: new SharedPositions().buffer };
    this.positions = new SharedPositions(start.positions);
    new WriterCore(runtimeAt(time, runtime), start, port, setImmediate).open();
    this.request((id) => ['stream', id, true]);
  }

  request(make: (id: number) => WriterRequest): number {
    const id = this.#nextId;
    this.#nextId += 1;
    this.#listener([make(id)]);
    return id;
  }

  /** Whether a request was answered without an error. */
  succeeded(id: number): boolean {
    return this.#replies.some((reply) => reply[0] === id && reply[1] === null);
  }

  [Symbol.dispose](): void {
    this.request((id) => ['close', id]);
  }
}

/** Lets the writers do all they have to do: their work takes a few turns. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function write(primary: ManualWriter, sql: string): Promise<void> {
  primary.request((id) => ['transact', id, [{ sql }], false]);
  await settle();
}

const delayed: RoleSettings = { role: 'replica', term: 0, primary: '', delayMs: hour };

/** A replica that has just received all of a primary that wrote a transaction every ten minutes. */
async function received(folder: TestFolder, time: Time, role: RoleSettings): Promise<ManualWriter> {
  using primary = new ManualWriter(folder, 'primary', { role: 'primary', term: 1, primary: '' }, time);
  await write(primary, 'CREATE TABLE t (v TEXT)');
  for (const v of ['a', 'b', 'c']) {
    advance(time, tenMinutes);
    await write(primary, `INSERT INTO t VALUES ('${v}')`);
  }
  const replica = new ManualWriter(folder, 'replica', role, time);
  replica.request((id) => ['initialize', id, primary.databaseId]);
  const records = Uint8Array.from(Buffer.concat(primary.appended));
  const id = replica.request((request) => ['append', request, records, 4, undefined, 1]);
  await settle();
  assert.ok(replica.succeeded(id), 'the records are confirmed');
  assert.equal(replica.positions.get('durable'), 4);
  return replica;
}

test('a delayed replica confirms records at once and shows each of them when it is old enough', async () => {
  using folder = new TestFolder();
  const time = newTime();
  using replica = await received(folder, time, delayed);
  const shown: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    shown.push(replica.positions.get('applied'));
    advance(time, tenMinutes);
    await settle();
  }
  // The first record is half an hour old when all of them arrive.
  assert.deepEqual(shown, [0, 0, 0, 1, 2, 3, 4]);
  // No timer is left but those that a replica without a delay has.
  using otherFolder = new TestFolder();
  const otherTime = newTime();
  using _prompt = await received(otherFolder, otherTime, { ...delayed, delayMs: 0 });
  advance(otherTime, tenMinutes);
  await settle();
  assert.equal(time.timers.size, otherTime.timers.size);
});

test('a change of the delay is in force at once, and none shows what is committed', async () => {
  using folder = new TestFolder();
  const time = newTime();
  using replica = await received(folder, time, delayed);
  const reset = async (delayMs: number) => {
    replica.request((id) => ['set-role', id, { ...delayed, delayMs }]);
    await settle();
  };
  await reset(tenMinutes * 1.5);
  assert.equal(replica.positions.get('applied'), 2);
  await reset(0);
  assert.equal(replica.positions.get('applied'), 4);
});

test('a delayed replica that becomes primary shows everything it holds', async () => {
  using folder = new TestFolder();
  const time = newTime();
  using replica = await received(folder, time, delayed);
  assert.equal(replica.positions.get('applied'), 0);
  replica.request((id) => ['set-role', id, { role: 'primary', term: 2, primary: '' }]);
  await settle();
  // The fourth is the last of the old reign, the fifth begins the new one.
  assert.equal(replica.positions.get('applied'), replica.positions.get('tip'));
  assert.ok(replica.positions.get('applied') >= 4);
});

test('a delayed replica that starts again without its upstream shows what is old enough and still calls it committed', async () => {
  using folder = new TestFolder();
  const time = newTime();
  {
    using replica = await received(folder, time, delayed);
    assert.equal(replica.positions.get('commit'), 4);
  }
  using again = new ManualWriter(folder, 'replica', delayed, time);
  await settle();
  assert.deepEqual([again.positions.get('applied'), again.positions.get('commit')], [0, 4]);
  const cut = again.request((id) => ['truncate', id, 3, 1]);
  assert.ok(!again.succeeded(cut), 'what is committed is not cut');
  advance(time, hour);
  await settle();
  assert.equal(again.positions.get('applied'), 4);
});
