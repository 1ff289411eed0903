import { createHash } from 'node:crypto';
import { QuorateError } from '../errors/interface.ts';
import type { FileSystem } from '../runtime/interface.ts';
import { type AppliedPosition, checkSnapshot } from '../sqlite/interface.ts';

const chunkBytes = 1024 * 1024;

/** SHA-256 of a file, 32 bytes. For threads that may take their time. */
export function hashFile(files: FileSystem, filePath: string): Uint8Array {
  const handle = files.openSync(filePath, 'read');
  try {
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafeSlow(chunkBytes);
    for (let offset = 0; ; ) {
      const count = handle.readSync(chunk, offset);
      if (count === 0) {
        return Uint8Array.from(hash.digest());
      }
      hash.update(chunk.subarray(0, count));
      offset += count;
    }
  } finally {
    handle.closeSync();
  }
}

/**
 * Makes a received snapshot durable and checks that it is what was sent and a sound database. Returns its position.
 * @throws QuorateError DATABASE_CORRUPT, IO_ERROR
 */
export function verifySnapshot(files: FileSystem, filePath: string, sha256: Uint8Array): AppliedPosition {
  const handle = files.openSync(filePath, 'readwrite');
  try {
    handle.syncSync();
  } finally {
    handle.closeSync();
  }
  if (Buffer.compare(hashFile(files, filePath), sha256) !== 0) {
    throw new QuorateError('DATABASE_CORRUPT', 'the snapshot that was received is not the one that was sent', {
      hint: 'It is copied again. If that repeats itself, check the disk and the memory of both machines.',
    });
  }
  return checkSnapshot(filePath);
}
