import type { FileHandle } from '../runtime/interface.ts';

const chunkBytes = 256 * 1024;
const zeros = new Uint8Array(chunkBytes);

/** Overwrites the bytes from `start` up to `end` with zeros; makes the file longer where it is shorter. */
export function writeZeros(handle: FileHandle, start: number, end: number): void {
  for (let offset = start; offset < end; offset += chunkBytes) {
    handle.writeSync(zeros.subarray(0, Math.min(chunkBytes, end - offset)), offset);
  }
}
