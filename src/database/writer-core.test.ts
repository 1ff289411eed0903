import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import { TestFolder } from '../../test/test-database.ts';
import { createSeededRandom, SimulatedFileSystem } from '../runtime/interface.ts';
import { defaultAckSettings } from './acks.ts';
import { SharedPositions } from './shared-positions.ts';
import type { AckSettings, Role } from './types.ts';
import { WriterCore } from './writer-core.ts';
import {
  noReply,
  type WriterEvent,
  type WriterPort,
  type WriterReply,
  type WriterRequest,
  type WriterToHost,
} from './writer-messages.ts';

/** A writer on this thread, whose work is done when it is told to. */
class DirectWriter {
  readonly files = new SimulatedFileSystem(createSeededRandom(1));
  readonly replies: WriterReply[] = [];
  readonly events: WriterEvent[] = [];
  readonly positions = new SharedPositions();
  nowMs = 0;
  readonly #scheduled: (() => void)[] = [];
  #listener: (message: unknown) => void = () => {};
  /** What the node posts when the writer stands still. */
  readonly posted: WriterRequest[] = [];
  /** How often the writer stood still. */
  waits = 0;

  constructor(folder: TestFolder, acks?: AckSettings, kind: Role = 'primary') {
    const { runtime, directory, name, origin, limits } = folder.context(kind);
    mkdirSync(directory);
    const port: WriterPort = {
      post: (message) => {
        const { replies = [], events = [] } = message as WriterToHost;
        this.replies.push(...replies);
        this.events.push(...events);
      },
      onMessage: (listener) => {
        this.#listener = listener;
      },
      receive: () => this.#receive(),
      onClose: () => {},
      close: () => {},
    };
    const role = { role: kind, term: 1, primary: '', acks } as const;
    const positions = this.positions.buffer;
    const clock = { ...runtime.clock, monotonicMs: () => this.nowMs };
    const start = { directory, name, origin, limits, role, positions, neededFrom: Number.MAX_SAFE_INTEGER };
    new WriterCore({ ...runtime, clock, files: this.files }, start, port, (work) => this.#scheduled.push(work)).open();
  }

  #receive(): boolean {
    this.waits += 1;
    const request = this.posted.shift();
    if (request !== undefined) {
      this.send(request);
    }
    return request !== undefined;
  }

  /** Sends a request as the node does; what it makes the writer do later is left. */
  send(request: WriterRequest): void {
    this.#listener([request]);
  }

  /** Does one piece of what the writer has to do later. */
  work(): void {
    this.#scheduled.shift()?.();
  }

  isAnswered(id: number): boolean {
    return this.replies.some((reply) => reply[0] === id);
  }

  /** Sends a transaction and returns the code of its failure, or undefined. */
  write(id: number, sql: string): string | undefined {
    this.send(['transact', id, [{ sql }], false]);
    for (let work = this.#scheduled.shift(); work !== undefined; work = this.#scheduled.shift()) {
      work();
    }
    return this.replies.find((reply) => reply[0] === id)?.[1]?.code;
  }

  [Symbol.dispose](): void {
    this.send(['close', noReply]);
  }
}

test('a writer whose log failed goes on answering: the write in flight is in doubt, later ones are refused', () => {
  using folder = new TestFolder();
  using writer = new DirectWriter(folder);
  assert.equal(writer.write(1, 'CREATE TABLE item (id INTEGER PRIMARY KEY)'), undefined);
  writer.files.planFaults(({ kind }) => (kind === 'sync' ? 'io-error' : undefined));
  assert.equal(writer.write(2, 'INSERT INTO item VALUES (1)'), 'COMMIT_IN_DOUBT');
  writer.files.planFaults(() => undefined);
  assert.equal(writer.write(3, 'INSERT INTO item VALUES (2)'), 'IO_ERROR');
});

const syncOne: AckSettings = { ...defaultAckSettings, level: { kind: 'sync', acks: 1 } };
const createTable = 'CREATE TABLE item (id INTEGER PRIMARY KEY)';

test('a group commits in the turn in which it was written when its acknowledgement comes meanwhile', () => {
  using folder = new TestFolder();
  using writer = new DirectWriter(folder, syncOne);
  writer.send(['transact', 1, [{ sql: createTable }], false]);
  writer.posted.push(['hold', noReply, 1], ['acks', noReply, [1], [0]]);
  writer.work();
  assert.ok(writer.isAnswered(1));
  assert.equal(writer.waits, 2);
});

test('a writer stands still once for a group whose acknowledgement does not come, and takes it later', () => {
  using folder = new TestFolder();
  using writer = new DirectWriter(folder, syncOne);
  assert.equal(writer.write(1, createTable), undefined);
  writer.write(2, 'INSERT INTO item VALUES (1)');
  assert.ok(!writer.isAnswered(1) && !writer.isAnswered(2));
  assert.equal(writer.waits, 1);
  writer.send(['acks', noReply, [1], [0]]);
  assert.ok(writer.isAnswered(1));
});

/** The records of three transactions. */
function someRecords(folder: TestFolder): { databaseId: Uint8Array; records: Uint8Array[] } {
  using primary = new DirectWriter(folder);
  primary.send(['stream', noReply, true]);
  for (const [i, sql] of [createTable, 'INSERT INTO item VALUES (1)', 'INSERT INTO item VALUES (2)'].entries()) {
    primary.write(i + 1, sql);
  }
  const opened = primary.events.find((event) => event[0] === 'log-opened');
  assert.ok(opened !== undefined);
  const records = primary.events.flatMap((event) => (event[0] === 'appended' ? [event[1]] : []));
  return { databaseId: opened[1], records };
}

test('what a replica confirms leaves before it applies anything, and that does not wait for long', () => {
  using folder = new TestFolder();
  const { databaseId, records } = someRecords(folder);
  using replica = new DirectWriter(folder, undefined, 'replica');
  replica.send(['initialize', 1, databaseId]);
  for (const [i, record] of records.entries()) {
    replica.nowMs += 1000;
    replica.send(['append', i + 2, record, i, { durable: true, applied: false }, 1]);
    assert.ok(replica.isAnswered(i + 2));
    assert.equal(replica.positions.get('durable'), i + 1);
    assert.equal(replica.positions.get('applied'), 0);
  }
  replica.work();
  assert.equal(replica.positions.get('applied'), 2);
});
