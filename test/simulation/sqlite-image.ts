import { copyFileSync, existsSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import type { Chance } from './chance.ts';

const suffixes = ['', '-wal'] as const;

/** Where the index of a write-ahead log keeps its state; see https://sqlite.org/walformat.html, "The WAL-Index File Format". */
const walIndex = { lastFrame: 16, pageSize: 14, backfilledFrames: 96, headerBytes: 136 } as const;
const walHeaderBytes = 32;
const frameHeaderBytes = 24;

/** The part of the write-ahead log that a power loss may take: frames of commits that no checkpoint has fsynced. */
interface VolatileFrames {
  readonly fromByte: number;
  readonly toByte: number;
}

/**
 * A copy of the files of a SQLite database in one moment, as a crash leaves them.
 *
 * With `synchronous=NORMAL` SQLite fsyncs its write-ahead log only before a checkpoint copies from it. So a power loss may
 * take the end of that log, down to the last frame that was copied, and SQLite then finds an earlier commit.
 */
export class SqliteImage {
  readonly #source: string;
  readonly #copy: string;
  readonly #volatile: VolatileFrames;

  private constructor(source: string, copy: string) {
    this.#source = source;
    this.#copy = copy;
    this.#volatile = volatileFrames(source);
    for (const suffix of suffixes) {
      rmSync(`${copy}${suffix}`, { force: true });
      if (existsSync(`${source}${suffix}`)) {
        copyFileSync(`${source}${suffix}`, `${copy}${suffix}`);
      }
    }
  }

  static take(source: string): SqliteImage {
    return new SqliteImage(source, `${source}.image`);
  }

  /** Takes an arbitrary end of what was never fsynced away. Returns the bytes lost. */
  losePower(chance: Chance): number {
    const { fromByte, toByte } = this.#volatile;
    const wal = `${this.#copy}-wal`;
    if (toByte <= fromByte || !existsSync(wal)) {
      return 0;
    }
    const keptBytes = chance.happens(0.3) ? fromByte : chance.integer(fromByte, toByte);
    truncateSync(wal, keptBytes);
    return toByte - keptBytes;
  }

  /** Puts the files where they were. No connection may be open. */
  restore(): void {
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(`${this.#source}${suffix}`, { force: true });
    }
    for (const suffix of suffixes) {
      if (existsSync(`${this.#copy}${suffix}`)) {
        copyFileSync(`${this.#copy}${suffix}`, `${this.#source}${suffix}`);
      }
    }
  }
}

/** Reads the index, whose numbers are in the byte order of the machine. */
function volatileFrames(source: string): VolatileFrames {
  const path = `${source}-shm`;
  const index = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  if (index.length < walIndex.headerBytes) {
    return { fromByte: 0, toByte: 0 };
  }
  const frameBytes = frameHeaderBytes + index.readUInt16LE(walIndex.pageSize);
  const backfilled = index.readUInt32LE(walIndex.backfilledFrames);
  const frames = index.readUInt32LE(walIndex.lastFrame);
  const byteOf = (frame: number) => (frame === 0 ? 0 : walHeaderBytes + frame * frameBytes);
  return { fromByte: byteOf(backfilled), toByte: byteOf(frames) };
}
