import type { FileHandle } from '../runtime/interface.ts';
import { FileHasher } from './file-hasher.ts';
import { type MaintenanceRunner, runMaintenance } from './maintenance.ts';

/** SHA-256 of a file while others read or write it. */
export interface Hasher extends AsyncDisposable {
  /** The bytes up to here are there now. */
  advance(toBytes: number): void;
  /** Of the whole file, 32 bytes. @throws QuorateError IO_ERROR, CANCELLED */
  digest(sizeBytes: number): Promise<Uint8Array>;
}

/** Where long work on whole files is done. */
export interface FileWork {
  readonly run: MaintenanceRunner;
  /** Whoever closes the file disposes of the hasher first. */
  hasher(handle: FileHandle): Hasher;
}

/** On threads of its own. */
export const threadedFileWork: FileWork = {
  run: runMaintenance,
  hasher: (handle) => new FileHasher(handle.descriptor),
};
