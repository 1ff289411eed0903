import { QuorateError } from '../errors/interface.ts';
import type { Clock, FileSystem } from '../runtime/interface.ts';

/** How often the operating system is asked at most, in milliseconds. */
const intervalMs = 500;

export interface DiskFloorOptions {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly directory: string;
  /** Bytes that are to stay free; 0 turns the floor off. */
  readonly minFreeBytes: number;
}

/** Refuses writes before the disk is full, so that what runs can end and reads go on. It forgives by itself. */
export class DiskFloor {
  readonly #options: DiskFloorOptions;
  #nextMs = 0;
  #freeBytes = Number.MAX_SAFE_INTEGER;

  constructor(options: DiskFloorOptions) {
    this.#options = options;
  }

  /** @throws QuorateError DISK_FULL while too little is free; IO_ERROR */
  check(): void {
    const { files, clock, directory, minFreeBytes } = this.#options;
    if (minFreeBytes === 0) {
      return;
    }
    const nowMs = clock.monotonicMs();
    if (nowMs >= this.#nextMs) {
      this.#nextMs = nowMs + intervalMs;
      this.#freeBytes = files.freeBytesSync(directory);
    }
    if (this.#freeBytes < minFreeBytes) {
      throw tooLittleFree(this.#freeBytes, minFreeBytes);
    }
  }
}

/** @throws QuorateError DISK_FULL when less than `minFreeBytes` would stay free after `neededBytes` are written */
export function requireFreeBytes(
  files: FileSystem,
  directory: string,
  neededBytes: number,
  minFreeBytes: number,
): void {
  const freeBytes = files.freeBytesSync(directory);
  if (freeBytes < neededBytes + minFreeBytes) {
    throw tooLittleFree(freeBytes, neededBytes + minFreeBytes);
  }
}

function tooLittleFree(freeBytes: number, neededBytes: number): QuorateError {
  return new QuorateError('DISK_FULL', `${freeBytes} bytes are free on the disk, and ${neededBytes} have to be`, {
    hint: 'Free some space, or lower min-free-bytes. Reads go on, and writes work again as soon as there is room.',
    details: { freeBytes, neededBytes },
  });
}
