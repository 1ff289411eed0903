import { QuorateError } from '../errors/interface.ts';
import type { Machine, Runtime } from '../runtime/interface.ts';
import { SharedFile, type SqlValue } from '../sqlite/interface.ts';
import type {
  CommitAnswer,
  CoordinatorChange,
  CoordinatorCondition,
  CoordinatorEntry,
  CoordinatorView,
} from './coordinator.ts';
import { maxCoordinatorEntries } from './coordinator.ts';
import { leaseLost } from './coordinator-limits.ts';

const formatVersion = 1;

/** Entries and leases in the file; one more is refused with OVERLOADED. */
const maxStoredEntries = 10_000;
const maxStoredLeases = 1_000;

/** Sorts after every key that begins with what stands before it. */
const lastCharacter = '\u{10ffff}';

const schema = `
  CREATE TABLE IF NOT EXISTS state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    format INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    file_id TEXT NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS leases (
    id TEXT PRIMARY KEY,
    ttl_ms REAL NOT NULL,
    ends_at_ms REAL NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    created_revision INTEGER NOT NULL,
    changed_revision INTEGER NOT NULL,
    lease_id TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS entries_of_lease ON entries (lease_id);
`;

/** A lease of an earlier start of the machine shows by ending later than its whole time from now. */
const ended = '(ends_at_ms <= :now OR ends_at_ms > :now + ttl_ms)'.replaceAll(':now', '?1');

const tables = ['state', 'leases', 'entries'] as const;

/** What is in a file of the coordinator `local`, and the rules of how it changes. No call waits for another process. */
export class LocalStore implements Disposable {
  readonly #filePath: string;
  readonly #file: SharedFile;
  readonly #machine: Machine;
  readonly #fileId: string;
  #seenRevision = 0;
  /** Why this file must not be used any more. */
  #failure: QuorateError | undefined;

  private constructor(filePath: string, file: SharedFile, machine: Machine) {
    this.#filePath = filePath;
    this.#file = file;
    this.#machine = machine;
    this.#fileId = machine.fileId(filePath) ?? '';
  }

  /** @throws QuorateError DATABASE_LOCKED, DATABASE_CORRUPT, IO_ERROR, DISK_FULL */
  static open(filePath: string, { clock, logger }: Runtime, machine: Machine): LocalStore {
    const file = SharedFile.open(filePath, schema);
    try {
      const store = new LocalStore(filePath, file, machine);
      const news = file.write('durable', () => store.#begin(clock.nowMs()));
      if (news !== undefined) {
        logger.warn({ file: filePath }, news);
      }
      return store;
    } catch (error) {
      file[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Makes a new file with what is in another one, also while a process holds the lock of that.
   * @throws QuorateError DATABASE_CORRUPT, IO_ERROR, DISK_FULL
   */
  static copy(from: string, to: string, machine: Machine): void {
    using source = SharedFile.open(from);
    using target = SharedFile.open(to, schema);
    const rows = source.read(() => {
      const there = new Set(source.rows("SELECT name FROM sqlite_schema WHERE type = 'table'").map(({ name }) => name));
      return tables.flatMap((table) =>
        there.has(table)
          ? source.rows(`SELECT * FROM ${table}`).map((row) => ({ table, values: Object.values(row) }))
          : [],
      );
    });
    target.write('durable', () => {
      for (const { table, values } of rows) {
        target.run(`INSERT INTO ${table} VALUES (${values.map(() => '?').join(', ')})`, ...values);
      }
      target.run('UPDATE state SET file_id = ?', machine.fileId(to) ?? '');
    });
  }

  /** Differs from its last value when another process has changed something. */
  get dataVersion(): number {
    return this.#file.dataVersion;
  }

  get(key: string): CoordinatorEntry | undefined {
    return this.#current(() => this.#entries('WHERE key = ?', key)[0]);
  }

  list(prefix: string): CoordinatorView {
    const end = prefix + lastCharacter;
    const limit = maxCoordinatorEntries + 1;
    return this.#current((revision) => ({
      revision,
      entries: this.#entries('WHERE key >= ? AND key < ? ORDER BY key LIMIT ?', prefix, end, limit),
    }));
  }

  /** Differs from its last value when something under the prefix has changed: a change raises the second, a deletion lowers the first. */
  trace(prefix: string): string {
    const [row] = this.#current(() =>
      this.#file.rows(
        'SELECT count(*) AS entries, max(changed_revision) AS changed FROM entries WHERE key >= ? AND key < ?',
        prefix,
        prefix + lastCharacter,
      ),
    );
    return `${row?.entries} ${row?.changed}`;
  }

  /** The present revision, and when the next lease ends by the clock of the machine. */
  overview(): { readonly revision: number; readonly nextEndMs: number } {
    return this.#current((revision) => {
      const [row] = this.#file.rows('SELECT min(ends_at_ms) AS next FROM leases');
      return { revision, nextEndMs: Number(row?.next ?? Number.POSITIVE_INFINITY) };
    });
  }

  commit(conditions: readonly CoordinatorCondition[], changes: readonly CoordinatorChange[]): CommitAnswer {
    return this.#write((revision) => {
      if (!conditions.every((condition) => this.#holds(condition))) {
        return { done: false, revision };
      }
      if (changes.length === 0) {
        return { done: true, revision };
      }
      const next = this.#nextRevision();
      for (const change of changes) {
        this.#apply(change, next);
      }
      this.#requireRoom('entries', maxStoredEntries);
      return { done: true, revision: next };
    });
  }

  openLease(id: string, ttlMs: number): void {
    this.#file.write('volatile', () => {
      this.#check();
      this.#file.run('INSERT INTO leases VALUES (?, ?, ?)', id, ttlMs, this.#machine.monotonicMs() + ttlMs);
      this.#requireRoom('leases', maxStoredLeases);
    });
  }

  /** An ended lease stays ended, whether or not somebody has removed it. @throws QuorateError LEASE_LOST */
  renewLease(id: string): void {
    // Not durable: with the power, all leases end.
    this.#file.write('volatile', () => {
      this.#check();
      const nowMs = this.#machine.monotonicMs();
      if (
        this.#file.run(`UPDATE leases SET ends_at_ms = ?1 + ttl_ms WHERE id = ?2 AND NOT ${ended}`, nowMs, id) === 0
      ) {
        throw leaseLost(id);
      }
    });
  }

  revokeLease(id: string): void {
    this.#write(() => this.#removeLeases('id = ?1', id));
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  /** The first transaction of this process. @returns what an administrator should know */
  #begin(nowMs: number): string | undefined {
    const [state] = this.#file.rows('SELECT format, revision, boot_id, file_id FROM state');
    const { bootId } = this.#machine;
    if (state === undefined) {
      this.#file.run('INSERT INTO state VALUES (1, ?, 0, ?, ?)', formatVersion, bootId, this.#fileId);
      return undefined;
    }
    if (state.format !== formatVersion) {
      throw new QuorateError('FORMAT_VERSION', `${this.#filePath} has format ${state.format}`, {
        hint: 'It was made by another version of Quorate: use one version on all nodes of a machine.',
      });
    }
    const isCopy = state.file_id !== this.#fileId;
    // Whatever the original went on to after it was copied, it made less than one revision in a millisecond.
    const jump = isCopy ? Math.max(Number(state.revision), Math.floor(nowMs)) : Number(state.revision);
    this.#file.run('UPDATE state SET revision = ?, boot_id = ?, file_id = ?', jump, bootId, this.#fileId);
    if (isCopy || state.boot_id !== bootId) {
      this.#removeLeases('?1 = ?1', '');
    }
    return isCopy ? `the coordinator's file is a copy: revisions go on from ${jump}` : undefined;
  }

  /** Reads what holds now: leases that have ended are removed before. */
  #current<Result>(action: (revision: number) => Result): Result {
    const found = this.#file.read(() => {
      const revision = this.#check();
      return this.#hasEnded() ? undefined : { value: action(revision) };
    });
    return found === undefined ? this.#write(action) : found.value;
  }

  #write<Result>(action: (revision: number) => Result): Result {
    const [result, revision] = this.#file.write('durable', () => {
      this.#check();
      if (this.#hasEnded()) {
        this.#removeLeases(ended, this.#machine.monotonicMs());
      }
      return [action(this.#revision()), this.#revision()] as const;
    });
    this.#seenRevision = revision;
    return result;
  }

  /** Returns the revision of a file that is what it was. @throws QuorateError COORDINATOR_UNAVAILABLE */
  #check(): number {
    if (this.#failure !== undefined) {
      throw this.#failure;
    }
    const [state] = this.#file.rows('SELECT revision, boot_id FROM state');
    const revision = Number(state?.revision);
    if (this.#machine.fileId(this.#filePath) !== this.#fileId) {
      throw this.#fail(
        'was removed or replaced',
        'Leave the folder of a coordinator alone while nodes run; start them again.',
      );
    }
    if (state?.boot_id !== this.#machine.bootId) {
      throw this.#fail(
        'is used by another machine or by a container with a clock of its own',
        'Nodes on several machines need the coordinator etcd.',
      );
    }
    if (revision < this.#seenRevision) {
      throw this.#fail(
        'was set back to an earlier state',
        'Start all nodes of this machine again, on a copy of the folder.',
      );
    }
    this.#seenRevision = revision;
    return revision;
  }

  #fail(what: string, hint: string): QuorateError {
    this.#failure = new QuorateError('COORDINATOR_UNAVAILABLE', `${this.#filePath} ${what}`, { hint });
    return this.#failure;
  }

  #revision(): number {
    return Number(this.#file.rows('SELECT revision FROM state')[0]?.revision);
  }

  #nextRevision(): number {
    this.#file.run('UPDATE state SET revision = revision + 1');
    return this.#revision();
  }

  #hasEnded(): boolean {
    return this.#file.rows(`SELECT 1 FROM leases WHERE ${ended} LIMIT 1`, this.#machine.monotonicMs()).length > 0;
  }

  #removeLeases(which: string, parameter: SqlValue): void {
    const leases = `SELECT id FROM leases WHERE ${which}`;
    if (this.#file.run(`DELETE FROM entries WHERE lease_id IN (${leases})`, parameter) > 0) {
      this.#nextRevision();
    }
    this.#file.run(`DELETE FROM leases WHERE ${which}`, parameter);
  }

  #holds({ key, changedRevision }: CoordinatorCondition): boolean {
    return (this.#entries('WHERE key = ?', key)[0]?.changedRevision ?? 0) === changedRevision;
  }

  #apply({ key, value, leaseId }: CoordinatorChange, revision: number): void {
    if (value === undefined) {
      this.#file.run('DELETE FROM entries WHERE key = ?', key);
      return;
    }
    if (leaseId !== undefined && this.#file.rows('SELECT 1 FROM leases WHERE id = ?', leaseId).length === 0) {
      throw leaseLost(leaseId);
    }
    this.#file.run(
      `INSERT INTO entries VALUES (?1, ?2, ?3, ?3, ?4)
       ON CONFLICT DO UPDATE SET value = ?2, changed_revision = ?3, lease_id = ?4`,
      key,
      value,
      revision,
      leaseId ?? null,
    );
  }

  #requireRoom(table: 'entries' | 'leases', limit: number): void {
    const [row] = this.#file.rows(`SELECT count(*) AS count FROM ${table}`);
    if (Number(row?.count) > limit) {
      throw new QuorateError('OVERLOADED', `${this.#filePath} holds ${limit} ${table}, which is the limit`, {
        details: { limit },
      });
    }
  }

  #entries(condition: string, ...parameters: readonly SqlValue[]): CoordinatorEntry[] {
    const sql = `SELECT key, value, created_revision, changed_revision, lease_id FROM entries ${condition}`;
    return this.#file.rows(sql, ...parameters).map((row) => ({
      key: String(row.key),
      value: String(row.value),
      createdRevision: Number(row.created_revision),
      changedRevision: Number(row.changed_revision),
      leaseId: row.lease_id === null ? undefined : String(row.lease_id),
    }));
  }
}
