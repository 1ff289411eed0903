import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isQuorateError } from '../errors/interface.ts';
import { createSeededRandom, type Random, type SimulatedFault, SimulatedFileSystem } from '../runtime/interface.ts';
import { decodeRecords, genesisHash, LogReader, TransactionLog, verifyBatch } from './interface.ts';
import { appendUnsynced, databaseId, directory, encodeFrame, hashesOf, hashOf, readAll } from './testing/sample-log.ts';

const options = { segmentSizeBytes: 12 * 1024 };

type Step =
  | { readonly kind: 'append'; readonly sizes: readonly number[] }
  | { readonly kind: 'prepare'; readonly maxBytes: number }
  | { readonly kind: 'truncate'; readonly share: number }
  | { readonly kind: 'reopen' };

/** A life of a log: group commits of all sizes, rotations, truncations and restarts. */
function randomSteps(random: Random, count: number): Step[] {
  const below = (limit: number) => Math.floor(random.next() * limit);
  return Array.from({ length: count }, (): Step => {
    const dice = random.next();
    if (dice < 0.7) {
      const limit = random.next() < 0.1 ? 15_000 : 1500;
      return { kind: 'append', sizes: Array.from({ length: 1 + below(5) }, () => below(limit)) };
    }
    if (dice < 0.88) {
      return { kind: 'prepare', maxBytes: 1 + below(6000) };
    }
    return dice < 0.96 ? { kind: 'truncate', share: random.next() } : { kind: 'reopen' };
  });
}

/**
 * Runs steps against a log and knows what it must hold: the chain hashes of what was synced, and, while a step is under
 * way, which other states a crash may leave.
 */
class CheckedLog {
  readonly files: SimulatedFileSystem;
  #log: TransactionLog | undefined;
  #hashes: string[] = [];
  #shortest = 0;
  #candidate: string[] = [];

  constructor(files: SimulatedFileSystem) {
    this.files = files;
  }

  get log(): TransactionLog {
    assert.ok(this.#log);
    return this.#log;
  }

  /** False while creating or opening it has failed. */
  get hasLog(): boolean {
    return this.#log !== undefined;
  }

  run(step: Step): void {
    this.#log ??= this.#openOrCreate();
    switch (step.kind) {
      case 'append':
        this.#append(step.sizes);
        break;
      case 'prepare':
        this.log.prepareNextSegment(step.maxBytes);
        break;
      case 'truncate':
        this.#truncate(Math.floor(step.share * (this.#hashes.length + 1)));
        break;
      case 'reopen':
        this.log.close();
        this.#log = undefined;
        break;
    }
    this.#settle();
  }

  /** Opens what a crash or a fault has left and checks that it is one of the states that may be left. */
  recover(): void {
    this.#log = undefined;
    this.#log = this.#openOrCreate();
    assert.deepEqual(
      this.files.listSync(directory).filter((name) => name.endsWith('.tmp')),
      [],
    );
    const found = hashesOf(this.log);
    const whole = this.#candidate.length > this.#hashes.length ? this.#candidate : this.#hashes;
    assert.deepEqual(found, whole.slice(0, found.length), 'what is there was written like this');
    const lengths = [this.#hashes.length, this.#candidate.length];
    const inTruncation = found.length >= this.#shortest && found.length <= this.#hashes.length;
    assert.ok(lengths.includes(found.length) || inTruncation, `${found.length} transactions, not ${lengths}`);
    this.#hashes = found;
    this.#settle();
  }

  /** After a fault that the log has reported: its memory must agree with what it says. */
  checkUsable(): boolean {
    try {
      this.log.sync();
    } catch (error) {
      assert.ok(isQuorateError(error));
      return false;
    }
    assert.deepEqual(hashesOf(this.log), this.#hashes, 'a step that fails and leaves the log usable has no effect');
    this.#settle();
    return true;
  }

  #append(sizes: readonly number[]): void {
    const frame = encodeFrame(this.log, sizes);
    this.#candidate = [...this.#hashes, ...[...decodeRecords(frame.bytes)].map(hashOf)];
    this.log.append(frame.bytes, frame.count, frame.end);
    this.log.sync();
    this.#hashes = this.#candidate;
  }

  #truncate(txId: number): void {
    this.#shortest = txId;
    this.log.truncateAfter(txId);
    this.#hashes = this.#hashes.slice(0, txId);
  }

  #settle(): void {
    this.#shortest = this.#hashes.length;
    this.#candidate = this.#hashes;
  }

  #openOrCreate(): TransactionLog {
    return TransactionLog.exists(this.files, directory)
      ? TransactionLog.open(this.files, directory, options).log
      : TransactionLog.create(this.files, directory, databaseId, options);
  }
}

function operationsOf(seed: number, steps: readonly Step[]): number {
  const checked = new CheckedLog(new SimulatedFileSystem(createSeededRandom(seed)));
  for (const step of steps) {
    checked.run(step);
  }
  return checked.files.operations;
}

/** Runs the steps until one fails; returns how many were left, without that one. */
function runUntilFailure(checked: CheckedLog, steps: readonly Step[]): Step[] {
  for (const [index, step] of steps.entries()) {
    try {
      checked.run(step);
    } catch (error) {
      assert.ok(isQuorateError(error) && error.code !== 'INTERNAL' && error.code !== 'LOG_CORRUPT', String(error));
      return steps.slice(index + 1);
    }
  }
  return [];
}

function failOnce(checked: CheckedLog, operation: number, fault: SimulatedFault): void {
  checked.files.planFaults(({ index }) => (index === operation ? fault : undefined));
}

/** Loses power, and often once more while the log is recovered. */
function crashAndRecover(checked: CheckedLog, random: Random): void {
  checked.files.losePower();
  failOnce(checked, checked.files.operations + Math.floor(random.next() * 12), 'power-loss');
  try {
    checked.recover();
  } catch (error) {
    assert.ok(isQuorateError(error) && error.details?.['systemCode'] === 'POWER', String(error));
  }
  checked.files.losePower();
  checked.recover();
}

async function checkReader(checked: CheckedLog): Promise<void> {
  const { tip } = checked.log;
  using reader = LogReader.open(checked.files, directory);
  let position = { txId: 0, term: 0, hash: genesisHash(databaseId) };
  for (const batch of await readAll(reader, 1, tip.txId, 4000)) {
    position = verifyBatch(batch.bytes, position).end;
  }
  assert.deepEqual({ ...position, hash: Buffer.from(position.hash) }, { ...tip, hash: Buffer.from(tip.hash) });
}

const seeds = [11, 12, 13, 14];
const stepCount = 28;

describe('a log on a disk that fails', () => {
  for (const seed of seeds) {
    const steps = randomSteps(createSeededRandom(seed), stepCount);

    it(`loses no synced frame and keeps no damaged one when power fails at any operation (seed ${seed})`, async () => {
      const operations = operationsOf(seed, steps);
      assert.ok(operations > 100, `${operations} operations`);
      for (let at = 0; at < operations; at += 1) {
        const random = createSeededRandom(seed * 100_003 + at);
        const checked = new CheckedLog(new SimulatedFileSystem(random));
        failOnce(checked, at, 'power-loss');
        const rest = runUntilFailure(checked, steps);
        crashAndRecover(checked, random);
        assert.deepEqual(runUntilFailure(checked, rest), []);
        checked.files.losePower();
        checked.recover();
        await checkReader(checked);
      }
    });

    for (const fault of ['disk-full', 'io-error'] as const) {
      it(`goes on, or says that it must be opened again, after one ${fault} at any operation (seed ${seed})`, () => {
        const operations = operationsOf(seed, steps);
        for (let at = 0; at < operations; at += 1) {
          const random = createSeededRandom(seed * 200_003 + at);
          const checked = new CheckedLog(new SimulatedFileSystem(random));
          failOnce(checked, at, fault);
          const rest = runUntilFailure(checked, steps);
          if (!(checked.hasLog && checked.checkUsable()) || random.next() < 0.5) {
            checked.files.losePower();
            checked.recover();
          }
          assert.deepEqual(runUntilFailure(checked, rest), []);
          checked.files.losePower();
          checked.recover();
        }
      });
    }
  }

  it('keeps what a killed process had written and not synced, whole and durable', () => {
    const files = new SimulatedFileSystem(createSeededRandom(1));
    const log = TransactionLog.create(files, directory, databaseId, options);
    appendUnsynced(log, [3000, 10]);
    const hashes = hashesOf(log);
    files.restart();
    assert.deepEqual(hashesOf(TransactionLog.open(files, directory, options).log), hashes);
    files.losePower();
    assert.deepEqual(hashesOf(TransactionLog.open(files, directory, options).log), hashes);
  });
});
