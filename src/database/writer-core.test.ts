import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test } from 'node:test';
import { TestFolder } from '../../test/test-database.ts';
import { createSeededRandom, SimulatedFileSystem } from '../runtime/interface.ts';
import { SharedPositions } from './shared-positions.ts';
import { WriterCore } from './writer-core.ts';
import type { WriterPort, WriterReply, WriterToHost } from './writer-messages.ts';

/** A writer on this thread, whose work is done when it is told to. */
class DirectWriter {
  readonly files = new SimulatedFileSystem(createSeededRandom(1));
  readonly replies: WriterReply[] = [];
  readonly #scheduled: (() => void)[] = [];
  #listener: (message: unknown) => void = () => {};

  constructor(folder: TestFolder) {
    const { runtime, directory, name, origin, limits } = folder.context('shop');
    mkdirSync(directory);
    const port: WriterPort = {
      post: (message) => this.replies.push(...((message as WriterToHost).replies ?? [])),
      onMessage: (listener) => {
        this.#listener = listener;
      },
      onClose: () => {},
      close: () => {},
    };
    const role = { role: 'primary', term: 1, primary: '' } as const;
    const positions = new SharedPositions().buffer;
    const start = { directory, name, origin, limits, role, positions, neededFrom: Number.MAX_SAFE_INTEGER };
    new WriterCore({ ...runtime, files: this.files }, start, port, (work) => this.#scheduled.push(work)).open();
  }

  /** Sends a transaction and returns the code of its failure, or undefined. */
  write(id: number, sql: string): string | undefined {
    this.#listener([['transact', id, [{ sql }], false]]);
    for (let work = this.#scheduled.shift(); work !== undefined; work = this.#scheduled.shift()) {
      work();
    }
    return this.replies.find((reply) => reply[0] === id)?.[1]?.code;
  }

  [Symbol.dispose](): void {
    this.#listener([['close', 0]]);
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
