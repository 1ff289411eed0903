/**
 * The messages of ExportSnapshot, with the bytes of a chunk moved as seldom as can be: generated code copies them three times
 * on their way. The wire form is that of `replication.proto`.
 */
import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import { ExportSnapshotResponse, type SnapshotChunk } from './generated/quorate/v1/replication.ts';

/** Tags of `ExportSnapshotResponse.chunk`, `SnapshotChunk.offset` and `SnapshotChunk.content`. */
const chunkTag = 0x12;
const offsetTag = 0x08;
const contentTag = 0x12;

/** More than stands before the content of a chunk in the memory of its message: gRPC's 5 bytes, three tags, three numbers. */
const maxHeadBytes = 64;

/**
 * Where chunks are put together. One memory for all of them, since the collection of a new one for each costs more than
 * everything else that is done to send a snapshot.
 */
let scratch = Buffer.alloc(0);

/** What gRPC has copied the bytes of a message to, and sends. */
const frames = new WeakMap<ExportSnapshotResponse, Buffer>();

/** The bytes of a message. Those of a chunk stay what they are until the next call; gRPC copies them at once. */
export function encodeSnapshotMessage(message: ExportSnapshotResponse): Buffer {
  return message.message?.$case === 'chunk'
    ? notingCopy(encodeChunk(message.message.value), message)
    : Buffer.from(ExportSnapshotResponse.encode(message).finish());
}

/** The same bytes, which note where they are copied to. */
function notingCopy(bytes: Buffer, message: ExportSnapshotResponse): Buffer {
  const copy: Buffer['copy'] = (target, ...range) => {
    if (Buffer.isBuffer(target)) {
      frames.set(message, target);
    }
    return Buffer.prototype.copy.call(bytes, target, ...range);
  };
  return Object.assign(bytes, { copy });
}

/**
 * Gives the memory back that gRPC has made for a chunk, which must have left without an error. Left to garbage collection, it
 * makes a node that sends gigabytes go through all that it has in memory again and again.
 */
export function releaseSent(message: ExportSnapshotResponse): void {
  const frame = frames.get(message);
  frames.delete(message);
  if (frame !== undefined && frame.length === frame.buffer.byteLength) {
    release(frame.buffer);
  }
}

function release(memory: ArrayBufferLike): void {
  if (memory instanceof ArrayBuffer) {
    memory.transfer(0);
  }
}

function encodeChunk({ offset, content }: SnapshotChunk): Buffer {
  const fields = new BinaryWriter().uint32(offsetTag).uint64(offset).uint32(contentTag).uint32(content.length).finish();
  const head = new BinaryWriter()
    .uint32(chunkTag)
    .uint32(fields.length + content.length)
    .finish();
  const length = head.length + fields.length + content.length;
  if (scratch.length < length) {
    scratch = Buffer.allocUnsafeSlow(length);
  }
  scratch.set(head);
  scratch.set(fields, head.length);
  scratch.set(content, head.length + fields.length);
  return scratch.subarray(0, length);
}

/** A message; the content of a chunk is a view of `bytes`. */
export function decodeSnapshotMessage(bytes: Buffer): ExportSnapshotResponse {
  const value = chunkOf(bytes);
  return value === undefined ? ExportSnapshotResponse.decode(bytes) : { message: { $case: 'chunk', value } };
}

/**
 * Gives the memory of a received chunk back at once; its content is gone then. Left to garbage collection, a thread that
 * receives gigabytes collects all the time. Nothing happens when the memory holds something else, too.
 */
export function releaseChunk({ content }: SnapshotChunk): void {
  const { buffer, byteOffset, length } = content;
  const isAlone = byteOffset <= maxHeadBytes && byteOffset + length === buffer.byteLength;
  if (isAlone) {
    release(buffer);
  }
}

/** Undefined for everything but a chunk that is written as `encodeChunk` does it. */
function chunkOf(bytes: Buffer): SnapshotChunk | undefined {
  const reader = new BinaryReader(bytes);
  const nextIs = (tag: number) => reader.pos < bytes.length && reader.uint32() === tag;
  const nextIsLast = (tag: number) => nextIs(tag) && reader.uint32() === bytes.length - reader.pos;
  if (!nextIsLast(chunkTag) || !nextIs(offsetTag)) {
    return undefined;
  }
  const offset = Number(reader.uint64());
  return nextIsLast(contentTag) ? { offset, content: bytes.subarray(reader.pos) } : undefined;
}
