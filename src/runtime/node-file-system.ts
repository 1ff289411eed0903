import fs from 'node:fs';
import path from 'node:path';
import { QuorateError } from '../errors/interface.ts';
import type { FileHandle, FileSystem } from './types.ts';

const openFlags = { read: 'r', readwrite: 'r+', create: 'wx+' } as const;

/** Names the path and the system's own code; running out of space has a code of its own. */
function fileError(action: string, filePath: string, cause: unknown): QuorateError {
  const systemCode = (cause as NodeJS.ErrnoException).code ?? 'UNKNOWN';
  const full = systemCode === 'ENOSPC' || systemCode === 'EDQUOT';
  return new QuorateError(full ? 'DISK_FULL' : 'IO_ERROR', `cannot ${action} ${filePath}: ${systemCode}`, {
    cause,
    hint: full ? 'Free some space on this file system.' : undefined,
    details: { path: filePath, systemCode },
  });
}

function attempt<T>(action: string, filePath: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw fileError(action, filePath, error);
  }
}

class NodeFileHandle implements FileHandle {
  readonly #descriptor: number;
  readonly #path: string;

  constructor(descriptor: number, filePath: string) {
    this.#descriptor = descriptor;
    this.#path = filePath;
  }

  get descriptor(): number {
    return this.#descriptor;
  }

  readSync(target: Uint8Array, position: number): number {
    return attempt('read', this.#path, () => {
      let done = 0;
      while (done < target.length) {
        const count = fs.readSync(this.#descriptor, target, done, target.length - done, position + done);
        if (count === 0) {
          break;
        }
        done += count;
      }
      return done;
    });
  }

  read(target: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.read(this.#descriptor, target, 0, target.length, position, (error, count) => {
        if (error) {
          reject(fileError('read', this.#path, error));
        } else {
          resolve(count);
        }
      });
    });
  }

  writeSync(source: Uint8Array, position: number): void {
    attempt('write', this.#path, () => {
      let done = 0;
      while (done < source.length) {
        done += fs.writeSync(this.#descriptor, source, done, source.length - done, position + done);
      }
    });
  }

  async write(source: Uint8Array, position: number): Promise<void> {
    for (let done = 0; done < source.length; ) {
      done += await this.#writePart(source, done, position + done);
    }
  }

  #writePart(source: Uint8Array, from: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      fs.write(this.#descriptor, source, from, source.length - from, position, (error, count) => {
        if (error) {
          reject(fileError('write', this.#path, error));
        } else {
          resolve(count);
        }
      });
    });
  }

  syncSync(): void {
    attempt('fsync', this.#path, () => fs.fdatasyncSync(this.#descriptor));
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#descriptor, (error) => {
        if (error) {
          reject(fileError('fsync', this.#path, error));
        } else {
          resolve();
        }
      });
    });
  }

  truncateSync(sizeBytes: number): void {
    attempt('truncate', this.#path, () => fs.ftruncateSync(this.#descriptor, sizeBytes));
  }

  sizeSync(): number {
    return attempt('stat', this.#path, () => fs.fstatSync(this.#descriptor).size);
  }

  closeSync(): void {
    attempt('close', this.#path, () => fs.closeSync(this.#descriptor));
  }
}

/**
 * Reads from a file that another thread of this process has open (`FileHandle.descriptor`); returns how many bytes were read, 0
 * at the end. @throws QuorateError IO_ERROR
 */
export function readDescriptorSync(descriptor: number, target: Uint8Array, position: number): number {
  return attempt('read', `descriptor ${descriptor}`, () => fs.readSync(descriptor, target, 0, target.length, position));
}

function syncDirectory(directory: string): void {
  attempt('fsync', directory, () => {
    const descriptor = fs.openSync(directory, 'r');
    try {
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  });
}

/** The files of the operating system. */
export const nodeFileSystem: FileSystem = {
  openSync(filePath, mode) {
    return attempt('open', filePath, () => new NodeFileHandle(fs.openSync(filePath, openFlags[mode], 0o600), filePath));
  },
  existsSync: (filePath) => fs.existsSync(filePath),
  fileSizeSync: (filePath) =>
    attempt('stat', filePath, () => fs.statSync(filePath, { throwIfNoEntry: false })?.size ?? 0),
  listSync(directory) {
    return attempt('list', directory, () => (fs.existsSync(directory) ? fs.readdirSync(directory).sort() : []));
  },
  makeDirectorySync(directory) {
    attempt('create', directory, () => fs.mkdirSync(directory, { recursive: true, mode: 0o700 }));
  },
  renameSync(from, to) {
    attempt('rename', from, () => fs.renameSync(from, to));
  },
  removeSync(filePath) {
    attempt('remove', filePath, () => fs.rmSync(filePath, { recursive: true, force: true }));
  },
  syncDirectorySync: syncDirectory,
  readFileSync: (filePath) => attempt('read', filePath, () => fs.readFileSync(filePath)),
  writeFileAtomicSync(filePath, content, mode = 0o600) {
    attempt('write', filePath, () => {
      const temporary = `${filePath}.tmp`;
      const descriptor = fs.openSync(temporary, 'w', mode);
      try {
        fs.writeFileSync(descriptor, content);
        fs.fsyncSync(descriptor);
      } finally {
        fs.closeSync(descriptor);
      }
      fs.renameSync(temporary, filePath);
    });
    syncDirectory(path.dirname(filePath));
  },
  freeBytesSync: (filePath) =>
    attempt('ask for the free space of', filePath, () => {
      const { bavail, bsize } = fs.statfsSync(filePath);
      return bavail * bsize;
    }),
};
