/**
 * Writes the golden files of the log format, test/golden/log, and the example in docs/log-format.md that shows one of
 * them byte by byte: `node scripts/make-golden-log.ts`. To be run, and its result committed, only with a new format
 * version: files that exist must stay readable.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  decodeRecords,
  genesisHash,
  type LogPosition,
  RecordEncoder,
  type RecordFields,
  TransactionLog,
} from '../src/log/interface.ts';
import { createSeededRandom, SimulatedFileSystem } from '../src/runtime/interface.ts';
import { renderExample, withExample } from './log-format-example.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
export const goldenDirectory: string = path.join(root, 'test', 'golden', 'log');
export const formatPage: string = path.join(root, 'docs', 'log-format.md');

const frameHeaderBytes = 24;
const segmentHeaderBytes = 4096;

/** A log as JSON: numbers of 64 bits are strings, bytes are hexadecimal. */
export interface GoldenDescription {
  readonly databaseId: string;
  readonly segments: readonly {
    readonly file: string;
    readonly firstTxId: number;
    readonly previousTerm: number;
    readonly previousHash: string;
    readonly frames: readonly { readonly offset: number; readonly firstTxId: number; readonly count: number }[];
  }[];
  readonly records: readonly {
    readonly txId: number;
    readonly term: number;
    readonly timeMs: number;
    readonly timeCounter: number;
    readonly origin: string;
    readonly schemaHash: string;
    readonly operations: string;
    readonly hash: string;
  }[];
  /** What opening it says. */
  readonly opening:
    | { readonly cutBytes: number; readonly records: number }
    | { readonly error: string; readonly offset: number; readonly txId: number };
}

export interface GoldenLog {
  readonly name: string;
  /** Files by name, without the zeros behind their last frame. */
  readonly files: ReadonlyMap<string, Buffer>;
  readonly description: GoldenDescription;
}

interface Frame {
  readonly term: number;
  readonly operations: readonly string[];
}

const databaseId = Buffer.from('71756f726174652d676f6c64656e2121', 'hex');

const threeFrames: readonly Frame[] = [
  { term: 1, operations: ['first'] },
  { term: 1, operations: ['second', ''] },
  { term: 0x1_0000_0002, operations: ['fourth, in a later term'] },
];

function fieldsOf(txId: number, term: number, operations: string): RecordFields {
  return {
    txId,
    term,
    timeMs: Date.UTC(2026, 10, 20, 12) + txId,
    timeCounter: 0x0100 + txId,
    origin: 0xf1f2_f3f4_f5f6_f7f8n,
    schemaHash: 0x0102_0304_0506_0708n,
    operations: Buffer.from(operations),
  };
}

/** Builds a log of `frames` and describes it from what went into it. */
function buildLog(name: string, frames: readonly Frame[], segmentSizeBytes: number, after?: LogPosition): GoldenLog {
  const files = new SimulatedFileSystem(createSeededRandom(1));
  const log = TransactionLog.create(files, '/log', databaseId, { segmentSizeBytes, after });
  const segments: Mutable<GoldenDescription['segments'][number]>[] = [];
  const records: GoldenDescription['records'][number][] = [];
  let offset = 0;
  for (const { term, operations } of frames) {
    const before = log.tip;
    const encoder = new RecordEncoder(before);
    for (const text of operations) {
      encoder.add(fieldsOf(before.txId + encoder.count + 1, term, text));
    }
    log.append(encoder.bytes, encoder.count, encoder.end);
    log.sync();
    const file = `${String(before.txId + 1).padStart(20, '0')}.qlog`;
    if (files.existsSync(`/log/${file}`)) {
      segments.push({ file, ...headerOf(before), frames: [] });
      offset = segmentHeaderBytes;
    }
    segments.at(-1)?.frames.push({ offset, firstTxId: before.txId + 1, count: encoder.count });
    offset += frameHeaderBytes + encoder.bytes.length;
    records.push(...[...decodeRecords(encoder.bytes)].map(describeRecord));
  }
  const contents = new Map(segments.map(({ file }) => [file, trimmed(files.readFileSync(`/log/${file}`))]));
  const opening = { cutBytes: 0, records: records.length };
  return { name, files: contents, description: { databaseId: databaseId.toString('hex'), segments, records, opening } };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };

function headerOf(previous: LogPosition) {
  const previousHash = Buffer.from(previous.hash).toString('hex');
  return { firstTxId: previous.txId + 1, previousTerm: previous.term, previousHash };
}

function describeRecord(record: RecordFields & { readonly hash: Uint8Array }): GoldenDescription['records'][number] {
  return {
    txId: record.txId,
    term: record.term,
    timeMs: record.timeMs,
    timeCounter: record.timeCounter,
    origin: String(record.origin),
    schemaHash: String(record.schemaHash),
    operations: Buffer.from(record.operations).toString('hex'),
    hash: Buffer.from(record.hash).toString('hex'),
  };
}

/** The file up to the end of its last frame. */
function trimmed(bytes: Uint8Array): Buffer {
  const file = Buffer.from(bytes);
  let end = segmentHeaderBytes;
  while (end + frameHeaderBytes <= file.length && file.readUInt32LE(end) !== 0) {
    end += frameHeaderBytes + file.readUInt32LE(end + 8);
  }
  return file.subarray(0, end);
}

/** A copy of `source` in which the bytes from `start` to `end` of its last file never reached the disk. */
function lose(
  source: GoldenLog,
  name: string,
  [start, end]: readonly [number, number],
  change: Partial<GoldenDescription>,
): GoldenLog {
  const [[file, bytes] = ['', Buffer.alloc(0)]] = [...source.files].slice(-1);
  const damaged = Buffer.from(bytes).fill(0, start, end);
  return {
    name,
    files: new Map([...source.files, [file, damaged]]),
    description: { ...source.description, ...change },
  };
}

/** A log whose last frame was torn, and one that is damaged in the middle. */
function brokenLogs(plain: GoldenLog): GoldenLog[] {
  const { segments, records } = plain.description;
  const [first, second, third] = segments[0]?.frames ?? [];
  if (first === undefined || second === undefined || third === undefined) {
    throw new Error('the plain log has three frames');
  }
  const bytes = [...plain.files.values()][0]?.length ?? 0;
  const torn = lose(plain, 'torn-tail', [third.offset + 40, third.offset + 60], {
    segments: segments.map((segment) => ({ ...segment, frames: [first, second] })),
    records: records.slice(0, 3),
    opening: { cutBytes: bytes - third.offset, records: 3 },
  });
  const damaged = lose(plain, 'damaged', [second.offset + 40, second.offset + 60], {
    opening: { error: 'LOG_CORRUPT', offset: second.offset, txId: second.firstTxId },
  });
  return [torn, damaged];
}

/** All golden logs, made by the code as it is. */
export function makeGoldenLogs(): GoldenLog[] {
  const plain = buildLog('plain', threeFrames, 8192);
  const after = { txId: 100, term: 7, hash: Buffer.from(genesisHash(Buffer.alloc(16, 0xaa))) };
  const continued = buildLog('continued', [{ term: 7, operations: ['after a snapshot'] }], 8192, after);
  return [plain, buildLog('rotated', threeFrames, 4400), continued, ...brokenLogs(plain)];
}

function writeAll(): void {
  rmSync(goldenDirectory, { recursive: true, force: true });
  for (const { name, files, description } of makeGoldenLogs()) {
    const folder = path.join(goldenDirectory, name);
    mkdirSync(folder, { recursive: true });
    for (const [file, bytes] of files) {
      writeFileSync(path.join(folder, file), bytes);
    }
    writeFileSync(path.join(folder, 'log.json'), `${JSON.stringify(description, undefined, 2)}\n`);
  }
  const plain = readFileSync(path.join(goldenDirectory, 'plain', '00000000000000000001.qlog'));
  writeFileSync(formatPage, withExample(readFileSync(formatPage, 'utf8'), renderExample(plain)));
}

if (import.meta.main) {
  writeAll();
}
