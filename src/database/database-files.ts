import path from 'node:path';
import { QuorateError } from '../errors/interface.ts';
import { contentPath, firstContent, logPath, removeOtherContents, sqlitePath } from './content-directory.ts';
import type { DatabaseContext } from './database-context.ts';
import { readSettings, settingsExist, writeSettings } from './settings-file.ts';
import type { DatabaseSettings } from './types.ts';
import type { RoleSettings } from './writer-messages.ts';

/** Milliseconds that a replaced content stays. */
const oldContentMs = 5000;

type Place = Pick<DatabaseContext, 'runtime' | 'directory'>;

export function databaseExists({ runtime, directory }: Place): boolean {
  return settingsExist(runtime.files, directory);
}

/** What one database has on disk: its settings, and the folder that holds its content now. */
export class DatabaseFiles {
  readonly #context: DatabaseContext;
  #settings: DatabaseSettings;
  #content: number;

  /** Makes the folders of a new database. @throws QuorateError DATABASE_EXISTS, IO_ERROR, DISK_FULL */
  static create(context: DatabaseContext, settings: DatabaseSettings): void {
    const { files } = context.runtime;
    if (databaseExists(context)) {
      throw new QuorateError('DATABASE_EXISTS', `database ${context.name} exists already`);
    }
    files.makeDirectorySync(contentPath(context.directory, firstContent));
    writeSettings(files, context.directory, { settings, content: firstContent });
    files.syncDirectorySync(path.dirname(context.directory));
  }

  /** @throws QuorateError DATABASE_NOT_FOUND, DATABASE_CORRUPT, IO_ERROR */
  constructor(context: DatabaseContext) {
    if (!databaseExists(context)) {
      throw new QuorateError('DATABASE_NOT_FOUND', `there is no database ${context.name}`);
    }
    const { settings, content } = readSettings(context.runtime.files, context.directory);
    this.#context = context;
    this.#settings = settings;
    this.#content = content;
    this.#removeOld();
  }

  /** The folders were there already, but the process that made them may have been killed before this. */
  makeDurable(): void {
    const { runtime, directory } = this.#context;
    runtime.files.syncDirectorySync(path.dirname(directory));
    runtime.files.syncDirectorySync(directory);
  }

  get settings(): DatabaseSettings {
    return this.#settings;
  }

  /** Number of the folder that holds the content; another one after a snapshot was installed. */
  get content(): number {
    return this.#content;
  }

  get contentDirectory(): string {
    return contentPath(this.#context.directory, this.#content);
  }

  get sqlitePath(): string {
    return sqlitePath(this.contentDirectory);
  }

  get logPath(): string {
    return logPath(this.contentDirectory);
  }

  /** Without opening the file: closing it again would take away the locks that SQLite has on it in this process. */
  sqliteBytes(): number {
    return this.#context.runtime.files.fileSizeSync(this.sqlitePath);
  }

  freeBytes(): number {
    return this.#context.runtime.files.freeBytesSync(this.#context.directory);
  }

  /** What the writer is told of the settings. */
  get role(): RoleSettings {
    const { role, term, replication, acks } = this.#settings;
    const { upstream, delayMs } = replication;
    const primary = upstream === undefined ? '' : `${upstream.host}:${upstream.port}/${upstream.database}`;
    return { role, term, primary, acks, delayMs };
  }

  saveSettings(settings: DatabaseSettings): void {
    this.#write(settings, this.#content);
    this.#settings = settings;
  }

  /** From now on, and after any crash, the content is in this folder. */
  switchTo(content: number): void {
    this.#write(this.#settings, content);
    this.#content = content;
  }

  /** Removes the replaced content after a while: readers that are about to open it still find it. */
  removeOldLater(isOpen: () => boolean): void {
    this.#context.runtime.timers.after(oldContentMs, () => {
      if (isOpen()) {
        this.#removeOld();
      }
    });
  }

  #removeOld(): void {
    removeOtherContents(this.#context.runtime.files, this.#context.directory, this.#content);
  }

  #write(settings: DatabaseSettings, content: number): void {
    writeSettings(this.#context.runtime.files, this.#context.directory, { settings, content });
  }
}
