import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ComparedNode } from '../../client/interface.ts';
import type { SnapshotCall, SnapshotCalls } from '../../database/interface.ts';
import { createNodeRuntime, type Runtime } from '../../runtime/interface.ts';
import { Scrubber } from './scrubber.ts';

const mebibyte = 1024 * 1024;
const bytesPerSecond = 4 * mebibyte;
const rangeBytes = 512 * 1024;
const digest = new Uint8Array(32);

/** A clock that moves when somebody sleeps, and only then. */
function fakeRuntime(): Runtime & { nowMs: number } {
  const runtime = {
    ...createNodeRuntime(),
    nowMs: 0,
    clock: { nowMs: () => runtime.nowMs, monotonicMs: () => runtime.nowMs },
    timers: {
      after: () => ({ cancel: () => {} }),
      sleep: async (delayMs: number, signal?: AbortSignal) => {
        await new Promise((resolve) => setImmediate(resolve));
        signal?.throwIfAborted();
        runtime.nowMs += delayMs;
      },
    },
  };
  return runtime;
}

/** A node with one table of `ranges` ranges; the key of a range is its number. Notes what is read in each snapshot. */
class FakeNode implements ComparedNode {
  readonly snapshots: number[] = [];
  readonly #ranges: number;

  constructor(ranges: number) {
    this.#ranges = ranges;
  }

  async prepare(): Promise<Uint8Array> {
    this.snapshots.push(0);
    return digest;
  }

  async writeMarker(): Promise<number> {
    return this.snapshots.length;
  }

  async pin(): Promise<number> {
    return this.snapshots.length;
  }

  async end(): Promise<void> {}

  async ask<K extends SnapshotCall>(_: string, call: K, request: SnapshotCalls[K]['request']) {
    const answers: { [C in SnapshotCall]?: (request: never) => unknown } = {
      overview: () => ({
        txId: this.snapshots.length,
        schemaDigest: digest,
        stateDigest: digest,
        tables: [{ name: 't', definitionDigest: digest }],
      }),
      ranges: ({ after, limits }: SnapshotCalls['ranges']['request']) => this.#cut(after, limits.answerBytes),
      measure: ({ ranges }: SnapshotCalls['measure']['request']) => ranges,
    };
    return answers[call]?.(request as never) as SnapshotCalls[K]['answer'];
  }

  #cut(after: Uint8Array, answerBytes: number) {
    const first = after.length === 0 ? 0 : Buffer.from(after).readUInt32LE();
    const count = Math.min(this.#ranges - first, Math.ceil(answerBytes / rangeBytes));
    this.snapshots.push((this.snapshots.pop() ?? 0) + count * rangeBytes);
    return Array.from({ length: count }, (_, i) => {
      const through = Buffer.alloc(first + i + 1 === this.#ranges ? 0 : 4);
      if (through.length > 0) {
        through.writeUInt32LE(first + i + 1);
      }
      return { after, through, rows: 1, sizeBytes: rangeBytes, digest };
    });
  }
}

test('the scrub reads what is due in ten seconds at once, and no more than its rate in all', async () => {
  const runtime = fakeRuntime();
  const sizeBytes = 200 * mebibyte;
  const upstream = new FakeNode(sizeBytes / rangeBytes);
  await using scrubber = new Scrubber({
    runtime,
    database: 'shop',
    here: new FakeNode(0),
    withUpstream: (action) => action(upstream),
    isFollowing: () => true,
    standsAt: () => undefined,
    databaseBytes: () => sizeBytes,
    intervalMs: 1,
    bytesPerSecond,
  });
  scrubber.start();
  while (scrubber.status().rounds < 3) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  const secondsOfRounds = runtime.nowMs / 1000 / 3;
  assert.ok(secondsOfRounds >= 40, `a round of 50 s took ${secondsOfRounds} s`);
  assert.ok(secondsOfRounds <= 60, `a round of 50 s took ${secondsOfRounds} s`);
  const largest = Math.max(...upstream.snapshots);
  assert.equal(largest, 40 * mebibyte);
});
