import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { assertInvariant } from '../../src/errors/interface.ts';
import { type FileSystem, SimulatedFileSystem } from '../../src/runtime/interface.ts';
import { Chance } from './chance.ts';
import { SqliteImage } from './sqlite-image.ts';

export type Crash = 'kill' | 'power';

/** What outlives the processes of a machine: its disk, and SQLite's files, which are real ones. */
export class SimulatedMachine {
  readonly directory: string;
  readonly #disk: SimulatedFileSystem;
  readonly #chance: Chance;
  /** What SQLite's files were when the present process began. */
  #image: SqliteImage | undefined;
  /** Taken when the writer stopped for ever: what SQLite does afterwards does not count. */
  #frozen: SqliteImage | undefined;
  #lostPower = false;

  constructor(name: string, parent: string, seed: number) {
    this.directory = path.join(parent, name);
    this.#chance = new Chance(seed, `machine ${name}`);
    this.#disk = new SimulatedFileSystem(new Chance(seed, `disk ${name}`).random);
    mkdirSync(path.dirname(this.sqlitePath), { recursive: true });
    makeDurably(this.#disk, parent);
  }

  /** The disk as any program sees it. */
  get files(): FileSystem {
    return this.#disk;
  }

  /** Whether the power was lost since this was asked last. */
  takeLossOfPower(): boolean {
    const lost = this.#lostPower;
    this.#lostPower = false;
    return lost;
  }

  get sqlitePath(): string {
    return path.join(this.directory, 'content-1', 'data.sqlite');
  }

  get logDirectory(): string {
    return path.join(this.directory, 'content-1', 'log');
  }

  /** From now on nothing more can be written. */
  fill(): void {
    this.#disk.planFaults(({ kind }) => (kind === 'write' || kind === 'create' ? 'disk-full' : undefined));
  }

  /** The next fsync fails. */
  failFsync(onFailure: () => void): void {
    let failed = false;
    this.#disk.planFaults(({ kind }) => {
      if (kind !== 'sync' || failed) {
        return undefined;
      }
      failed = true;
      onFailure();
      return 'io-error';
    });
  }

  /** The disk works from now on. */
  heal(): void {
    this.#disk.planFaults(() => undefined);
  }

  /** Copies SQLite's write-ahead log into its database file, as SQLite does by itself when it has grown. */
  checkpoint(): string {
    using connection = new DatabaseSync(this.sqlitePath);
    const mode = this.#chance.pick(['PASSIVE', 'TRUNCATE']);
    return JSON.stringify(connection.prepare(`PRAGMA wal_checkpoint(${mode})`).get());
  }

  /** Keeps SQLite's files as they are in this moment for the crash that follows. */
  freeze(): void {
    this.#frozen ??= SqliteImage.take(this.sqlitePath, this.#image);
  }

  /** Does to the frozen disk what a crash does; no process uses it any more. Returns what happened. */
  crash(kind: Crash): string {
    const image = this.#frozen;
    assertInvariant(image !== undefined, 'the disk was frozen when the process ended');
    this.#lostPower ||= kind === 'power';
    const lostBytes = kind === 'power' ? this.#losePower(image) : this.#endProcess();
    image.restore();
    this.#image = image;
    this.#frozen = undefined;
    return `${kind}, SQLite loses ${lostBytes} bytes`;
  }

  #losePower(image: SqliteImage): number {
    this.#disk.losePower();
    return image.losePower(this.#chance);
  }

  #endProcess(): number {
    this.#disk.restart();
    return 0;
  }
}

/** The folder in which databases are made has been there for long. */
function makeDurably(files: FileSystem, directory: string): void {
  files.makeDirectorySync(directory);
  for (let parent = directory; parent !== path.dirname(parent); parent = path.dirname(parent)) {
    files.syncDirectorySync(path.dirname(parent));
  }
}
