import path from 'node:path';
import { QuorateError } from '../errors/interface.ts';
import {
  contentName,
  contentPath,
  firstContent,
  logPath,
  removeOtherContents,
  sqlitePath,
} from './content-directory.ts';
import type { DatabaseContext } from './database-context.ts';
import { savedFolder } from './saved-lines.ts';
import { readSettings, type StoredSettings, settingsExist, type TermPromise, writeSettings } from './settings-file.ts';
import type { DatabaseSettings } from './types.ts';
import type { RoleSettings } from './writer-messages.ts';

/** Milliseconds that a replaced content stays. */
const oldContentMs = 5000;

type Place = Pick<DatabaseContext, 'runtime' | 'directory'>;

export function databaseExists({ runtime, directory }: Place): boolean {
  return settingsExist(runtime.files, directory);
}

/**
 * Takes the content of a replica that is not open away, so that it begins with nothing, as a new one does. Returns where the
 * content is now, as it was. A crash in between leaves a replica without content, for which this can be done again.
 * @throws QuorateError IO_ERROR, DATABASE_CORRUPT when the settings cannot be read
 */
export function setContentAside({ runtime, directory }: Place): string {
  const { files, clock } = runtime;
  const { settings, content, promise } = readSettings(files, directory);
  const saved = savedFolder(files, directory);
  const target = path.join(saved, `${contentName(content)}-${Math.floor(clock.nowMs())}`);
  if (files.existsSync(contentPath(directory, content))) {
    files.renameSync(contentPath(directory, content), target);
    files.syncDirectorySync(saved);
  }
  files.makeDirectorySync(contentPath(directory, content + 1));
  files.syncDirectorySync(directory);
  writeSettings(files, directory, { settings, content: content + 1, promise });
  return target;
}

/** As what a database opens: a member of a group has no role until it is given one. */
export function settingsAtOpening(settings: DatabaseSettings): DatabaseSettings {
  return settings.group === undefined ? settings : followingNobody(settings);
}

/** A replica that follows nobody. */
export function followingNobody({ replication, ...settings }: DatabaseSettings): DatabaseSettings {
  const { upstream, ...lasting } = replication;
  return { ...settings, role: 'replica', replication: { ...lasting, enabled: false } };
}

/** What one database has on disk: its settings, and the folder that holds its content now. */
export class DatabaseFiles {
  readonly #context: DatabaseContext;
  #settings: DatabaseSettings;
  #content: number;
  #replaceThrough: number | undefined;
  #promise: TermPromise | undefined;
  /** As a primary it committed whatever was durable, and nothing was saved since. */
  #hasCommittedAll: boolean;

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
    const { settings, content, replaceThrough, promise } = readSettings(context.runtime.files, context.directory);
    this.#context = context;
    this.#settings = settingsAtOpening(settings);
    this.#hasCommittedAll = this.#settings.role === 'replica' && committedAlone(settings);
    this.#promise = promise;
    this.#content = content;
    this.#replaceThrough = replaceThrough;
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

  /** Set while nothing but a snapshot is taken; see `StoredSettings`. */
  get replaceThrough(): number | undefined {
    return this.#replaceThrough;
  }

  /** The highest term that was promised. */
  get promise(): TermPromise | undefined {
    return this.#promise;
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

  /** Size of SQLite's WAL; 0 when there is none. */
  walBytes(): number {
    return this.#context.runtime.files.fileSizeSync(`${this.sqlitePath}-wal`);
  }

  freeBytes(): number {
    return this.#context.runtime.files.freeBytesSync(this.#context.directory);
  }

  /** What the writer is told of the settings. */
  get role(): RoleSettings {
    const { role, term, replication, acks } = this.#settings;
    const { upstream, delayMs } = replication;
    const primary = upstream === undefined ? '' : `${upstream.host}:${upstream.port}/${upstream.database}`;
    return { role, term, primary, acks, delayMs, hasCommittedAll: this.#hasCommittedAll };
  }

  /** What was saved was compared with one upstream: another one may lack more, so the wish for a new copy ends with it. */
  saveSettings(settings: DatabaseSettings, promise = this.#promise): void {
    const replaceThrough = hasSameUpstream(settings, this.#settings) ? this.#replaceThrough : undefined;
    this.#write({ settings, content: this.#content, replaceThrough, promise });
  }

  /** From now on, and after any crash, the content is in this folder. */
  switchTo(content: number): void {
    this.#write({ settings: this.#settings, content, promise: this.#promise });
  }

  /** From now on, and after any crash, nothing but a snapshot is taken, which may lack transactions up to this one. */
  requireSnapshot(replaceThrough: number): void {
    this.#write({ settings: this.#settings, content: this.#content, replaceThrough, promise: this.#promise });
  }

  /** Removes the replaced content after a while: readers that are about to open it still find it. */
  removeOldLater(isOpen: () => boolean): void {
    this.#context.runtime.timers.after(oldContentMs, () => {
      if (isOpen()) {
        this.#tryToRemoveOld();
      }
    });
  }

  /** What is left is removed when the database is opened next. */
  #tryToRemoveOld(): void {
    const { runtime, name } = this.#context;
    try {
      this.#removeOld();
    } catch (error) {
      runtime.logger.warn({ database: name, error: String(error) }, 'cannot remove what a snapshot has replaced');
    }
  }

  #removeOld(): void {
    removeOtherContents(this.#context.runtime.files, this.#context.directory, this.#content);
  }

  #write(stored: StoredSettings): void {
    writeSettings(this.#context.runtime.files, this.#context.directory, stored);
    this.#settings = stored.settings;
    this.#hasCommittedAll = false;
    this.#content = stored.content;
    this.#replaceThrough = stored.replaceThrough;
    this.#promise = stored.promise;
  }
}

/** Whether settings are those of a primary that waited for nobody. */
function committedAlone({ role, acks }: DatabaseSettings): boolean {
  return role === 'primary' && (acks === undefined || acks.level.kind === 'async');
}

function hasSameUpstream(one: DatabaseSettings, other: DatabaseSettings): boolean {
  const where = ({ role, replication: { upstream } }: DatabaseSettings) =>
    `${role} ${upstream?.host}:${upstream?.port}/${upstream?.database}`;
  return where(one) === where(other);
}
