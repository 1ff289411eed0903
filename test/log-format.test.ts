/** The log format as docs/log-format.md describes it, checked on the golden files without the code that wrote them. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { crc32 } from 'node:zlib';
import { renderExample, withExample } from '../scripts/log-format-example.ts';
import { formatPage, type GoldenDescription, goldenDirectory, makeGoldenLogs } from '../scripts/make-golden-log.ts';
import { isQuorateError } from '../src/errors/interface.ts';
import { LogReader, TransactionLog } from '../src/log/interface.ts';
import { createSeededRandom, SimulatedFileSystem } from '../src/runtime/interface.ts';

function filesOf(name: string): Map<string, Buffer> {
  const folder = path.join(goldenDirectory, name);
  const names = readdirSync(folder).filter((file) => file.endsWith('.qlog'));
  return new Map(names.sort().map((file) => [file, readFileSync(path.join(folder, file))]));
}

function descriptionOf(name: string): GoldenDescription {
  return JSON.parse(readFileSync(path.join(goldenDirectory, name, 'log.json'), 'utf8')) as GoldenDescription;
}

/** A disk with the files of a golden log: opening one may change it. */
function diskWith(name: string): SimulatedFileSystem {
  const disk = new SimulatedFileSystem(createSeededRandom(1));
  disk.makeDirectorySync('/log');
  for (const [file, bytes] of filesOf(name)) {
    disk.openSync(`/log/${file}`, 'create').writeSync(bytes, 0);
  }
  return disk;
}

function sha256(...parts: readonly Uint8Array[]): string {
  return createHash('sha256').update(Buffer.concat(parts)).digest('hex');
}

/** Offsets are those of the tables in docs/log-format.md. */
function readHeader(file: string, bytes: Buffer) {
  assert.equal(bytes.toString('hex', 0, 8), '89514c4f470d0a1a');
  assert.deepEqual([bytes.readUInt32LE(8), bytes.readUInt32LE(12)], [1, 4096]);
  assert.equal(bytes.readUInt32LE(80), crc32(bytes.subarray(0, 80)));
  assert.ok(bytes.subarray(84, 4096).every((byte) => byte === 0));
  return {
    file,
    firstTxId: Number(bytes.readBigUInt64LE(32)),
    previousTerm: Number(bytes.readBigUInt64LE(40)),
    previousHash: bytes.toString('hex', 48, 80),
  };
}

function readRecord(bytes: Buffer, at: number, previousHash: string) {
  const size = bytes.readUInt32LE(at);
  const hash = bytes.toString('hex', at + size - 32, at + size);
  assert.equal(bytes.readUInt32LE(at + 44), size - 80);
  assert.equal(hash, sha256(Buffer.from(previousHash, 'hex'), bytes.subarray(at, at + size - 32)));
  return {
    txId: Number(bytes.readBigUInt64LE(at + 4)),
    term: Number(bytes.readBigUInt64LE(at + 12)),
    timeMs: bytes.readUIntLE(at + 20, 6),
    timeCounter: bytes.readUInt16LE(at + 26),
    origin: String(bytes.readBigUInt64LE(at + 28)),
    schemaHash: String(bytes.readBigUInt64LE(at + 36)),
    operations: bytes.toString('hex', at + 48, at + size - 32),
    hash,
  };
}

/** Reads valid frames up to the first place without one. */
function readSegment(file: string, bytes: Buffer) {
  const header = readHeader(file, bytes);
  const frames: { offset: number; firstTxId: number; count: number }[] = [];
  const records: ReturnType<typeof readRecord>[] = [];
  let offset = 4096;
  while (offset + 24 <= bytes.length) {
    const end = offset + 24 + bytes.readUInt32LE(offset + 8);
    const seed = (bytes.readUInt32LE(80) ^ offset) >>> 0;
    if (bytes.toString('hex', offset, offset + 4) !== 'd146524d') {
      break;
    }
    if (bytes.readUInt32LE(offset + 4) !== crc32(bytes.subarray(offset + 8, end), seed)) {
      break;
    }
    const count = bytes.readUInt32LE(offset + 12);
    frames.push({ offset, firstTxId: Number(bytes.readBigUInt64LE(offset + 16)), count });
    for (let at = offset + 24; at < end; at += bytes.readUInt32LE(at)) {
      records.push(readRecord(bytes, at, records.at(-1)?.hash ?? header.previousHash));
    }
    offset = end;
  }
  return { segment: { ...header, frames }, records };
}

const intact = ['plain', 'rotated', 'continued', 'torn-tail'];

describe('the documented log format', () => {
  for (const name of intact) {
    it(`describes every byte of the golden log "${name}"`, () => {
      const { segments, records, databaseId } = descriptionOf(name);
      const read = [...filesOf(name)].map(([file, bytes]) => readSegment(file, bytes));
      assert.deepEqual(
        read.map(({ segment }) => segment),
        segments,
      );
      assert.deepEqual(
        read.flatMap((part) => part.records),
        records,
      );
      if (segments[0]?.firstTxId === 1) {
        const label = Buffer.from('quorate transaction log v1');
        assert.equal(segments[0].previousHash, sha256(label, Buffer.from(databaseId, 'hex')));
      }
    });
  }

  it('is what the code writes', () => {
    const made = makeGoldenLogs();
    assert.deepEqual(made.map(({ name }) => name).sort(), readdirSync(goldenDirectory).sort());
    for (const { name, files, description } of made) {
      assert.deepEqual(descriptionOf(name), description);
      assert.deepEqual(filesOf(name), files);
    }
  });

  it('has an example that shows the golden log', () => {
    const page = readFileSync(formatPage, 'utf8');
    const example = renderExample(filesOf('plain').get('00000000000000000001.qlog') ?? Buffer.alloc(0));
    assert.ok(page.includes('magic') && example.includes('record size'));
    assert.equal(withExample(page, example), page, 'run scripts/make-golden-log.ts');
  });
});

describe('the code reads the golden log', () => {
  for (const name of intact) {
    it(`"${name}" with the records and the report of its description`, async () => {
      const { records, opening, databaseId, segments } = descriptionOf(name);
      const disk = diskWith(name);
      const { log, report } = TransactionLog.open(disk, '/log');
      assert.deepEqual(report, opening);
      assert.equal(Buffer.from(log.databaseId).toString('hex'), databaseId);
      const read = [...log.records(log.firstTxId)].map((record) => ({
        txId: record.txId,
        term: record.term,
        timeMs: record.timeMs,
        timeCounter: record.timeCounter,
        origin: String(record.origin),
        schemaHash: String(record.schemaHash),
        operations: Buffer.from(record.operations).toString('hex'),
        hash: Buffer.from(record.hash).toString('hex'),
      }));
      assert.deepEqual(read, records);
      using reader = LogReader.open(disk, '/log');
      const start = await reader.positionOf(log.firstTxId - 1);
      assert.equal(Buffer.from(start?.hash ?? []).toString('hex'), segments[0]?.previousHash);
    });
  }

  it('"damaged" not at all, and says where it is damaged', () => {
    const { opening } = descriptionOf('damaged');
    assert.throws(
      () => TransactionLog.open(diskWith('damaged'), '/log'),
      (error) => {
        assert.ok(isQuorateError(error));
        const { offset = 0, txId = 0 } = error.details ?? {};
        assert.deepEqual({ error: error.code, offset, txId }, opening);
        return true;
      },
    );
  });
});
