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

/** The bytes of a message; those of a chunk are copied once. */
export function encodeSnapshotMessage(message: ExportSnapshotResponse): Buffer {
  return message.message?.$case === 'chunk'
    ? encodeChunk(message.message.value)
    : Buffer.from(ExportSnapshotResponse.encode(message).finish());
}

function encodeChunk({ offset, content }: SnapshotChunk): Buffer {
  const fields = new BinaryWriter().uint32(offsetTag).uint64(offset).uint32(contentTag).uint32(content.length).finish();
  const head = new BinaryWriter()
    .uint32(chunkTag)
    .uint32(fields.length + content.length)
    .finish();
  return Buffer.concat([head, fields, content]);
}

/** A message; the content of a chunk is a view of `bytes`. */
export function decodeSnapshotMessage(bytes: Buffer): ExportSnapshotResponse {
  const value = chunkOf(bytes);
  return value === undefined ? ExportSnapshotResponse.decode(bytes) : { message: { $case: 'chunk', value } };
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
