import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isQuorateError, type QuorateError } from '../errors/interface.ts';
import { type RecoveryReport, TransactionLog } from './interface.ts';
import {
  appendFrame,
  appendUnsynced,
  contentsOf,
  databaseId,
  directory,
  filesWith,
  hashesOf,
  simulatedFiles,
} from './testing/sample-log.ts';

const headerFieldBytes = 84;
const headerBytes = 4096;
const firstSegment = '00000000000000000001.qlog';

/** Where frames lie in a file, read by hand. */
function frameOffsets(bytes: Buffer): number[] {
  const offsets: number[] = [];
  let offset = headerBytes;
  while (offset + 24 <= bytes.length && bytes.readUInt32LE(offset) !== 0) {
    offsets.push(offset);
    offset += 24 + bytes.readUInt32LE(offset + 8);
  }
  return [...offsets, offset];
}

/** A log of one segment with frames of 2, 1 and 3 records. */
function oneSegment(): { readonly bytes: Buffer; readonly hashes: string[]; readonly frames: number[] } {
  const files = simulatedFiles();
  const log = TransactionLog.create(files, directory, databaseId, { segmentSizeBytes: 5120 });
  for (const sizes of [[20, 5], [30], [1, 2, 40]]) {
    appendFrame(log, sizes);
  }
  const bytes = Buffer.from(files.readFileSync(`${directory}/${firstSegment}`));
  return { bytes, hashes: hashesOf(log), frames: frameOffsets(bytes) };
}

/** Every bit is tried where bytes mean something, one of eleven where they must not. */
function isPadding(at: number): boolean {
  return at >= headerFieldBytes && at < headerBytes;
}

type Outcome = { readonly report: RecoveryReport; readonly hashes: string[] } | { readonly error: QuorateError };

function outcomeOf(contents: ReadonlyMap<string, Uint8Array>): Outcome {
  const files = filesWith(contents);
  try {
    const { log, report } = TransactionLog.open(files, directory);
    const hashes = hashesOf(log);
    appendFrame(log, [7]);
    log.close();
    const again = TransactionLog.open(files, directory);
    assert.deepEqual([again.log.tip.txId, again.report.cutBytes], [hashes.length + 1, 0], 'the opened log can go on');
    return { report, hashes };
  } catch (error) {
    assert.ok(isQuorateError(error), String(error));
    return { error };
  }
}

function flipBit(bytes: Buffer, bit: number): Buffer {
  const damaged = Buffer.from(bytes);
  damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
  return damaged;
}

describe('one changed bit in a log', () => {
  it('is refused, or is in the last frame, which is cut, or is in unused room', () => {
    const { bytes, hashes, frames } = oneSegment();
    const [, , lastFrame = 0, end = 0] = frames;
    for (let bit = 0; bit < (end + 40) * 8; bit += isPadding(bit >> 3) ? 11 : 1) {
      const at = bit >> 3;
      const outcome = outcomeOf(new Map([[firstSegment, flipBit(bytes, bit)]]));
      if (at < headerFieldBytes || (at >= headerBytes && at < lastFrame)) {
        assert.ok('error' in outcome && outcome.error.code === 'LOG_CORRUPT', `byte ${at} must be refused`);
      } else {
        assert.ok(!('error' in outcome), `byte ${at} must not be refused`);
        const isCut = at >= lastFrame && at < end;
        assert.deepEqual(outcome.hashes, isCut ? hashes.slice(0, 3) : hashes, `byte ${at}`);
        assert.equal(outcome.report.cutBytes > 0, at >= lastFrame, `byte ${at}`);
      }
    }
  });

  it('is refused anywhere in the records of a segment that has a successor', () => {
    const files = simulatedFiles();
    const log = TransactionLog.create(files, directory, databaseId, { segmentSizeBytes: 4400 });
    appendFrame(log, [20, 5]);
    appendFrame(log, [1]);
    appendFrame(log, [50]);
    const contents = contentsOf(files);
    assert.equal(contents.size, 2, 'the third frame is in a second segment');
    const bytes = Buffer.from(contents.get(firstSegment) ?? []);
    const end = frameOffsets(bytes).at(-1) ?? 0;
    for (let at = 0; at < bytes.length; at += isPadding(at) ? 13 : 1) {
      const outcome = outcomeOf(new Map([...contents, [firstSegment, flipBit(bytes, at * 8 + (at % 8))]]));
      const matters = at < headerFieldBytes || (at >= headerBytes && at < end);
      assert.equal(
        'error' in outcome ? outcome.error.code : 'opened',
        matters ? 'LOG_CORRUPT' : 'opened',
        `byte ${at}`,
      );
    }
  });
});

describe('a torn last frame', () => {
  it('is cut wherever the write ended, and everything before it is kept', () => {
    const { bytes, hashes, frames } = oneSegment();
    const [, , lastFrame = 0, end = 0] = frames;
    for (let cut = lastFrame; cut < end; cut += 1) {
      const torn = Buffer.from(bytes).fill(0, cut);
      for (const content of [torn, torn.subarray(0, cut)]) {
        const outcome = outcomeOf(new Map([[firstSegment, content]]));
        assert.ok(!('error' in outcome), `cut at ${cut}`);
        assert.deepEqual(outcome.hashes, hashes.slice(0, 3));
        assert.ok(outcome.report.cutBytes <= cut - lastFrame);
      }
    }
  });

  it('is cut when later pages of its records reached the disk and earlier ones did not', () => {
    const files = simulatedFiles();
    const log = TransactionLog.create(files, directory, databaseId, { segmentSizeBytes: 64 * 1024 });
    appendFrame(log, [100]);
    const kept = hashesOf(log);
    appendUnsynced(log, [9000, 9000, 9000]);
    const bytes = Buffer.from(files.readFileSync(`${directory}/${firstSegment}`));
    const [, frame = 0] = frameOffsets(bytes);
    for (const [from, to] of [
      [0, 4096],
      [4096, 8192],
      [8192, 20_000],
    ] as const) {
      const torn = Buffer.from(bytes).fill(0, frame + from, frame + to);
      const outcome = outcomeOf(new Map([[firstSegment, torn]]));
      assert.ok(!('error' in outcome), `lost ${from} to ${to}`);
      assert.deepEqual(outcome.hashes, kept);
      assert.ok(outcome.report.cutBytes > 0);
    }
  });

  it('is cut even if it contains the bytes of whole frames, such as a log file stored in a database', () => {
    const { bytes } = oneSegment();
    const files = simulatedFiles();
    const log = TransactionLog.create(files, directory, databaseId, { segmentSizeBytes: 64 * 1024 });
    appendFrame(log, [100]);
    const target = Buffer.from(files.readFileSync(`${directory}/${firstSegment}`));
    const tail = frameOffsets(target).at(-1) ?? 0;
    bytes.copy(target, tail + 512, headerBytes);
    const outcome = outcomeOf(new Map([[firstSegment, target]]));
    assert.ok(!('error' in outcome));
    assert.equal(outcome.hashes.length, 1);
  });
});

describe('a damaged log', () => {
  it('is left as it is, and the error says where the damage is and what to do', () => {
    const { bytes, frames } = oneSegment();
    const [, second = 0, third = 0] = frames;
    const damaged = flipBit(bytes, (second + 50) * 8);
    const files = filesWith(new Map([[firstSegment, damaged]]));
    assert.throws(
      () => TransactionLog.open(files, directory),
      (error) => {
        assert.ok(isQuorateError(error));
        assert.equal(error.code, 'LOG_CORRUPT');
        assert.deepEqual(error.details, { path: `${directory}/${firstSegment}`, offset: second, txId: 3 });
        assert.match(error.message, new RegExp(`${firstSegment} at byte ${second} \\(transaction 3\\).*byte ${third}`));
        assert.match(error.hint ?? '', /aside.*fetch.*another node.*restore a backup/);
        return true;
      },
    );
    assert.deepEqual(Buffer.from(files.readFileSync(`${directory}/${firstSegment}`)), damaged);
  });

  it('is refused when a segment is missing, comes from another database or has another name', () => {
    const files = simulatedFiles();
    const log = TransactionLog.create(files, directory, databaseId, { segmentSizeBytes: 4400 });
    for (let frame = 0; frame < 3; frame += 1) {
      appendFrame(log, [200]);
    }
    const contents = [...contentsOf(files)];
    const otherFiles = simulatedFiles();
    const other = TransactionLog.create(otherFiles, directory, Buffer.alloc(16, 5), { segmentSizeBytes: 4400 });
    for (let frame = 0; frame < 3; frame += 1) {
      appendFrame(other, [200]);
    }
    const [first, second, third] = contents;
    assert.ok(first && second && third);
    const foreign = [...contentsOf(otherFiles)][1];
    assert.ok(foreign);
    const broken = [[first, third], [first, foreign, third], [first, [third[0], second[1]] as const], []];
    for (const [index, files] of broken.entries()) {
      const outcome = outcomeOf(new Map(files));
      assert.equal('error' in outcome && outcome.error.code, 'LOG_CORRUPT', `case ${index}`);
    }
  });

  it('is refused by its version when a newer format wrote it', async () => {
    const { crc32 } = await import('node:zlib');
    const { bytes } = oneSegment();
    bytes.writeUInt32LE(2, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, 80)), 80);
    const outcome = outcomeOf(new Map([[firstSegment, bytes]]));
    assert.equal('error' in outcome && outcome.error.code, 'FORMAT_VERSION');
  });
});
