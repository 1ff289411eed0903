/** Entry of a thread that hashes a file as far as it is told. */
import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { asQuorateError, assertInvariant, QuorateError } from '../errors/interface.ts';
import { readDescriptorSync } from '../runtime/interface.ts';
import type { HashAnswer, HashRequest, HashStart } from './file-hasher.ts';

const bufferBytes = 1024 * 1024;

assertInvariant(parentPort !== null, 'this file runs in a worker thread');
const port = parentPort;
const { descriptor } = workerData as HashStart;
const hash = createHash('sha256');
const buffer = Buffer.allocUnsafeSlow(bufferBytes);
let hashedBytes = 0;

/** The descriptor belongs to another thread, which closes it after this one has ended. */
function advance(toBytes: number): void {
  while (hashedBytes < toBytes) {
    const count = readDescriptorSync(descriptor, buffer.subarray(0, toBytes - hashedBytes), hashedBytes);
    if (count === 0) {
      throw new QuorateError('IO_ERROR', `the file that is hashed ends after ${hashedBytes} bytes`);
    }
    hash.update(buffer.subarray(0, count));
    hashedBytes += count;
  }
}

port.on('message', ({ toBytes, ends }: HashRequest) => {
  let answer: HashAnswer | undefined;
  try {
    advance(toBytes);
    answer = ends ? { sha256: Uint8Array.from(hash.digest()) } : undefined;
  } catch (error) {
    answer = { error: asQuorateError(error).serialize() };
  }
  if (answer !== undefined) {
    port.postMessage(answer);
    port.close();
  }
});
