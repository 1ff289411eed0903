import { copyFileSync, existsSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import type { Chance } from './chance.ts';

const suffixes = ['', '-wal'] as const;

/** Where the index of a write-ahead log keeps its state; see https://sqlite.org/walformat.html, "The WAL-Index File Format". */
const walIndex = { lastFrame: 16, pageSize: 14, backfilledFrames: 96, headerBytes: 136 } as const;
const walHeaderBytes = 32;
const frameHeaderBytes = 24;
const saltOffset = 16;

/** What is known to be on the disk of one write-ahead log. Its salt changes whenever SQLite begins the log anew. */
export interface DurableLog {
  readonly salt: string;
  readonly sizeBytes: number;
}

/**
 * A copy of the files of a SQLite database in one moment, as a crash leaves them.
 *
 * With `synchronous=NORMAL` SQLite fsyncs its write-ahead log only before a checkpoint copies from it. So a power loss may
 * take the end of that log, down to the last frame that was copied, that somebody else has fsynced, or that an earlier power
 * loss left, and SQLite then finds an earlier commit.
 */
export class SqliteImage {
  /** The database file. */
  readonly source: string;
  readonly #copy: string;
  readonly #endByte: number;
  #durable: DurableLog;

  private constructor(source: string, known: readonly DurableLog[]) {
    this.source = source;
    this.#copy = `${source}.image`;
    const { salt, copiedBytes, endByte } = stateOfLog(source);
    const ofThisLog = known.filter((durable) => durable.salt === salt).map(({ sizeBytes }) => sizeBytes);
    this.#durable = { salt, sizeBytes: Math.max(copiedBytes, ...ofThisLog) };
    this.#endByte = endByte;
    for (const suffix of suffixes) {
      rmSync(`${this.#copy}${suffix}`, { force: true });
      if (existsSync(`${source}${suffix}`)) {
        copyFileSync(`${source}${suffix}`, `${this.#copy}${suffix}`);
      }
    }
  }

  /** Copies the files as they are. @param known what is known of their log, or of others */
  static take(source: string, known: readonly DurableLog[]): SqliteImage {
    return new SqliteImage(source, known);
  }

  get durable(): DurableLog {
    return this.#durable;
  }

  /** Takes an arbitrary end of what was never fsynced away. Returns the bytes lost. */
  losePower(chance: Chance): number {
    const { salt, sizeBytes } = this.#durable;
    if (this.#endByte <= sizeBytes) {
      return 0;
    }
    const keptBytes = chance.happens(0.3) ? sizeBytes : chance.integer(sizeBytes, this.#endByte);
    truncateSync(`${this.#copy}-wal`, keptBytes);
    this.#durable = { salt, sizeBytes: keptBytes };
    return this.#endByte - keptBytes;
  }

  /** Puts the files where they were. No connection may be open. */
  restore(): void {
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(`${this.source}${suffix}`, { force: true });
    }
    for (const suffix of suffixes) {
      if (existsSync(`${this.#copy}${suffix}`)) {
        copyFileSync(`${this.#copy}${suffix}`, `${this.source}${suffix}`);
      }
    }
  }
}

/** All of the write-ahead log of a file, after an fsync. */
export function syncedLog(source: string): DurableLog {
  const { salt, endByte } = stateOfLog(source);
  return { salt, sizeBytes: endByte };
}

/** Reads the index, whose numbers are in the byte order of the machine, and the salt of the log. */
function stateOfLog(source: string): { salt: string; copiedBytes: number; endByte: number } {
  const read = (suffix: string) =>
    existsSync(`${source}${suffix}`) ? readFileSync(`${source}${suffix}`) : Buffer.alloc(0);
  const index = read('-shm');
  const log = read('-wal');
  const salt = log.length < walHeaderBytes ? '' : log.toString('hex', saltOffset, saltOffset + 8);
  if (salt === '' || index.length < walIndex.headerBytes) {
    return { salt, copiedBytes: 0, endByte: 0 };
  }
  const frameBytes = frameHeaderBytes + index.readUInt16LE(walIndex.pageSize);
  const byteOf = (frame: number) => (frame === 0 ? 0 : walHeaderBytes + frame * frameBytes);
  return {
    salt,
    copiedBytes: byteOf(index.readUInt32LE(walIndex.backfilledFrames)),
    endByte: byteOf(index.readUInt32LE(walIndex.lastFrame)),
  };
}
