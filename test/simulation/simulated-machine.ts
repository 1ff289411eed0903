import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { assertInvariant } from '../../src/errors/interface.ts';
import { type FileHandle, type FileSystem, SimulatedFileSystem } from '../../src/runtime/interface.ts';
import { Chance } from './chance.ts';
import { type DurableLog, SqliteImage, syncedLog } from './sqlite-image.ts';

export type Crash = 'kill' | 'power';

const sqliteName = 'data.sqlite';
const walName = `${sqliteName}-wal`;

/** A snapshot that became the SQLite file of a content: as long as SQLite has not written to it, the simulated disk has it. */
interface Adopted {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** A simulated disk on which SQLite's own files are real ones: a file that takes their name becomes real. */
class DiskWithSqlite extends SimulatedFileSystem {
  onSqliteFile: (filePath: string) => void = () => {};
  onSqliteSync: (filePath: string) => void = () => {};

  override renameSync(from: string, to: string): void {
    super.renameSync(from, to);
    if (path.basename(to) === sqliteName) {
      this.onSqliteFile(to);
    }
  }

  override existsSync(filePath: string): boolean {
    return path.basename(filePath) === walName ? existsSync(filePath) : super.existsSync(filePath);
  }

  /** SQLite's own log can be fsynced, and nothing else. */
  override openSync(filePath: string, mode: Parameters<FileSystem['openSync']>[1]): FileHandle {
    if (path.basename(filePath) !== walName) {
      return super.openSync(filePath, mode);
    }
    const syncSync = () => this.onSqliteSync(filePath.slice(0, -'-wal'.length));
    return { syncSync, closeSync: () => {} } as FileHandle;
  }
}

/** What outlives the processes of a machine: its disk, and SQLite's files, which are real ones. */
export class SimulatedMachine {
  readonly directory: string;
  readonly #disk: DiskWithSqlite;
  readonly #chance: Chance;
  /** What SQLite's files were when the present process began. */
  #image: SqliteImage | undefined;
  /** Taken when the writer stopped for ever: what SQLite does afterwards does not count. */
  #frozen: SqliteImage | undefined;
  #adopted: Adopted | undefined;
  /** What somebody has fsynced of SQLite's log in the present process. */
  #synced: DurableLog | undefined;
  #lostPower = false;

  constructor(name: string, parent: string, seed: number) {
    this.directory = path.join(parent, name);
    this.#chance = new Chance(seed, `machine ${name}`);
    this.#disk = new DiskWithSqlite(new Chance(seed, `disk ${name}`).random);
    this.#disk.onSqliteFile = (filePath) => {
      this.makeReal(filePath);
      this.#adopted = { path: filePath, bytes: readFileSync(filePath) };
    };
    this.#disk.onSqliteSync = (filePath) => {
      this.#synced = syncedLog(filePath);
    };
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

  /** The folder of the content that counts. */
  get #contentDirectory(): string {
    const settings = path.join(this.directory, 'settings.json');
    const text = this.#disk.existsSync(settings) ? Buffer.from(this.#disk.readFileSync(settings)).toString() : '';
    const [, content = 'content-1'] = /"content": "(content-\d+)"/.exec(text) ?? [];
    return path.join(this.directory, content);
  }

  get sqlitePath(): string {
    return path.join(this.#contentDirectory, sqliteName);
  }

  get logDirectory(): string {
    return path.join(this.#contentDirectory, 'log');
  }

  /** Gives SQLite a file that the simulated disk has; without one there, SQLite finds none. */
  makeReal(filePath: string): void {
    mkdirSync(path.dirname(filePath), { recursive: true });
    for (const suffix of ['', '-wal', '-shm']) {
      rmSync(`${filePath}${suffix}`, { force: true });
    }
    if (this.#disk.existsSync(filePath)) {
      writeFileSync(filePath, this.#disk.readFileSync(filePath));
    }
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
  checkpoint(filePath: string): string {
    using connection = new DatabaseSync(filePath);
    const mode = this.#chance.pick(['PASSIVE', 'TRUNCATE']);
    return JSON.stringify(connection.prepare(`PRAGMA wal_checkpoint(${mode})`).get());
  }

  /** Keeps SQLite's files as they are in this moment for the crash that follows. */
  freeze(): void {
    const known = [this.#image?.durable, this.#synced].filter((durable) => durable !== undefined);
    this.#frozen ??= SqliteImage.take(this.sqlitePath, known);
  }

  /** Does to the frozen disk what a crash does; no process uses it any more. Returns what happened. */
  crash(kind: Crash): string {
    const image = this.#frozen;
    assertInvariant(image !== undefined, 'the disk was frozen when the process ended');
    this.#lostPower ||= kind === 'power';
    const lostBytes = kind === 'power' ? this.#losePower(image) : this.#endProcess();
    this.#frozen = undefined;
    this.#synced = undefined;
    if (image.source === this.sqlitePath) {
      image.restore();
      this.#image = image;
    } else {
      this.makeReal(this.sqlitePath);
      this.#image = undefined;
    }
    if (kind === 'power') {
      this.#loseAdopted();
    }
    return `${kind}, SQLite loses ${lostBytes} bytes`;
  }

  #losePower(image: SqliteImage): number {
    this.#disk.losePower();
    return image.losePower(this.#chance);
  }

  /** SQLite fsyncs what it writes to its file, and with it the rest; before that, the installation must have done so. */
  #loseAdopted(): void {
    const adopted = this.#adopted;
    if (adopted === undefined || adopted.path !== this.sqlitePath || !existsSync(adopted.path)) {
      return;
    }
    const isUnwritten = readFileSync(adopted.path).equals(adopted.bytes);
    const isOnDisk = this.#disk.existsSync(adopted.path);
    if (isUnwritten && isOnDisk) {
      writeFileSync(adopted.path, this.#disk.readFileSync(adopted.path));
    } else if (isUnwritten) {
      this.makeReal(adopted.path);
    }
    this.#adopted = undefined;
  }

  /** Removes everything that belongs to the database. No process uses it. */
  wipe(): void {
    this.#disk.removeSync(this.directory);
    this.#disk.syncDirectorySync(path.dirname(this.directory));
    rmSync(this.directory, { recursive: true, force: true });
    this.#image = undefined;
    this.#adopted = undefined;
    mkdirSync(path.dirname(this.sqlitePath), { recursive: true });
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
