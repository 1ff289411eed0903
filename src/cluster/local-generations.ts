import path from 'node:path';
import { QuorateError } from '../errors/interface.ts';
import type { FileSystem, Machine, Random } from '../runtime/interface.ts';
import { LocalStore } from './local-store.ts';

/** Of the random part in the name of a file that is being made. */
const nameBytes = 8;

export interface LocalGenerationsOptions {
  readonly directory: string;
  readonly files: FileSystem;
  readonly machine: Machine;
  readonly random: Random;
}

/**
 * The files of a coordinator, of which the newest is in use. A process that is stopped while it holds the lock of a file holds it
 * for as long as it stands still; the others then close that file and go on in a copy, the next generation:
 *
 * 1. A mark says that the file is closed. What is committed there counts only if the mark was not there afterwards.
 * 2. So a copy that is begun after the mark has everything that counts. Several processes may make one.
 * 3. The first copy that gets the name of the next generation is the one that all go on with.
 */
export class LocalGenerations {
  readonly #options: LocalGenerationsOptions;

  private constructor(options: LocalGenerationsOptions) {
    this.#options = options;
  }

  /** @throws QuorateError INVALID_ARGUMENT for a folder on a network; IO_ERROR, DISK_FULL */
  static open(options: LocalGenerationsOptions): LocalGenerations {
    const { directory, files, machine } = options;
    files.makeDirectorySync(directory);
    requireLocal(directory, machine);
    return new LocalGenerations(options);
  }

  /** Number of the file that is in use. One that was closed by somebody who is gone since then is copied now. */
  current(): number {
    for (;;) {
      const newest = this.#newest();
      if (!this.isClosed(newest)) {
        // A loss of power takes back no name that somebody goes by.
        this.#options.files.syncDirectorySync(this.#options.directory);
        return newest;
      }
      this.takeOver(newest);
    }
  }

  path(generation: number): string {
    return path.join(this.#options.directory, `${nameOf(generation)}.sqlite`);
  }

  /** Whether nothing counts any more that is committed in that file. */
  isClosed(generation: number): boolean {
    return this.#options.files.existsSync(this.#mark(generation));
  }

  /** Closes a file and makes the next one, unless others have. @throws QuorateError IO_ERROR, DISK_FULL, DATABASE_CORRUPT */
  takeOver(generation: number): void {
    const { directory, files, machine, random } = this.#options;
    if (this.#newest() > generation) {
      return;
    }
    this.#close(generation);
    const suffix = Buffer.from(random.bytes(nameBytes)).toString('hex');
    const unfinished = path.join(directory, `${nameOf(generation + 1)}.${suffix}.unfinished`);
    try {
      LocalStore.copy(this.path(generation), unfinished, machine);
      if (files.existsSync(`${unfinished}-wal`)) {
        throw new QuorateError('IO_ERROR', `${unfinished} could not be completed`);
      }
      machine.giveName(unfinished, this.path(generation + 1));
    } finally {
      files.removeSync(unfinished);
    }
    this.#remove(generation - 1);
  }

  /** 1 also before there is a file. */
  #newest(): number {
    const { directory, files } = this.#options;
    const numbers = files.listSync(directory).map((name) => Number(/^coordinator-(\d+)\.sqlite$/.exec(name)?.[1] ?? 1));
    return Math.max(1, ...numbers);
  }

  #close(generation: number): void {
    try {
      this.#options.files.openSync(this.#mark(generation), 'create').closeSync();
    } catch (error) {
      if (!this.isClosed(generation)) {
        throw error;
      }
    }
  }

  /** The mark stays, for whoever has stood still since then. */
  #remove(generation: number): void {
    for (const suffix of ['', '-wal', '-shm']) {
      this.#options.files.removeSync(this.path(generation) + suffix);
    }
  }

  #mark(generation: number): string {
    return path.join(this.#options.directory, `coordinator-${generation}.closed`);
  }
}

function nameOf(generation: number): string {
  return generation === 1 ? 'coordinator' : `coordinator-${generation}`;
}

function requireLocal(directory: string, machine: Machine): void {
  const fileSystem = machine.networkFileSystem(directory);
  if (fileSystem !== undefined) {
    throw new QuorateError(
      'INVALID_ARGUMENT',
      `${directory} is on a file system that machines may share (${fileSystem})`,
      {
        hint: 'Give --coordinator-dir a folder on a disk of this machine; nodes on several machines need --coordinator etcd.',
      },
    );
  }
}
