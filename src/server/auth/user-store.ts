import type { Database, ReaderPool } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { Runtime } from '../../runtime/interface.ts';
import type { StatementResult } from '../../sqlite/interface.ts';
import { hashPassword, verifyPassword } from './password-hash.ts';

/** The database that holds the users; replicated like any other. */
export const systemDatabaseName = 'systemdb';

/** The one user there is so far. */
export const adminUser = 'admin';

const readLimits = { timeoutMs: 5_000, maxBytes: 64 * 1024 };

const createTable = `CREATE TABLE IF NOT EXISTS users (
  name TEXT PRIMARY KEY NOT NULL,
  password_hash TEXT NOT NULL,
  is_admin INTEGER NOT NULL CHECK (is_admin IN (0, 1))
) STRICT, WITHOUT ROWID`;

const upsertUser = `INSERT INTO users (name, password_hash, is_admin) VALUES (?, ?, 1)
  ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash`;

export interface StoredUser {
  readonly name: string;
  readonly passwordHash: string;
  readonly isAdmin: boolean;
}

/** Finds users by name. */
export interface UserStore {
  /** @throws QuorateError UNAVAILABLE when the users are not known on this node yet */
  find(name: string): Promise<StoredUser | undefined>;
}

/** The users in the system database of a node. */
export class SystemUserStore implements UserStore {
  readonly #database: () => Database;
  readonly #readers: ReaderPool;
  readonly #runtime: Runtime;

  /** @param database gives the open system database, or throws why it is not open */
  constructor(database: () => Database, readers: ReaderPool, runtime: Runtime) {
    this.#database = database;
    this.#readers = readers;
    this.#runtime = runtime;
  }

  async find(name: string): Promise<StoredUser | undefined> {
    const { filePath } = this.#database();
    const read: Read = async (statement) => (await this.#readers.query(filePath, [statement], readLimits)).results;
    if (!(await hasUsers(read))) {
      throw new QuorateError('UNAVAILABLE', 'this server does not know its users yet', {
        hint: 'Its systemdb is a replica that has not received anything from its upstream; see the status of the server that it follows, and its own log.',
      });
    }
    return await findUser(read, name);
  }

  /**
   * Gives the administrator a password at the first start of a primary, or another one when `password` is not the
   * stored one. Returns the password if it had to be generated.
   */
  async ensureAdmin(password: string | undefined): Promise<string | undefined> {
    const { writer } = this.#database();
    // The writer is there already; a start should not have to wait for a reader process.
    const read: Read = async (statement) => (await writer.transact([statement])).results;
    const stored = (await hasUsers(read)) ? await findUser(read, adminUser) : undefined;
    if (stored === undefined) {
      const generated = password ?? Buffer.from(this.#runtime.random.bytes(18)).toString('base64url');
      await this.#storeAdmin(generated);
      return password === undefined ? generated : undefined;
    }
    if (password !== undefined && !(await verifyPassword(password, stored.passwordHash))) {
      await this.#storeAdmin(password);
      this.#runtime.logger.info({ user: adminUser }, 'the password of the administrator was changed');
    }
    return undefined;
  }

  async #storeAdmin(password: string): Promise<void> {
    const hash = await hashPassword(password, (size) => this.#runtime.random.bytes(size));
    await this.#database().writer.transact([{ sql: createTable }, { sql: upsertUser, parameters: [adminUser, hash] }]);
  }
}

/** Runs one query. */
type Read = (statement: { sql: string; parameters: readonly string[] }) => Promise<readonly StatementResult[]>;

async function hasUsers(read: Read): Promise<boolean> {
  const sql = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?";
  const [result] = await read({ sql, parameters: ['users'] });
  return result !== undefined && result.rows.length > 0;
}

async function findUser(read: Read, name: string): Promise<StoredUser | undefined> {
  const sql = 'SELECT name, password_hash, is_admin FROM users WHERE name = ?';
  const [result] = await read({ sql, parameters: [name] });
  const row = result?.rows[0];
  return row && { name: String(row[0]), passwordHash: String(row[1]), isAdmin: row[2] === 1 };
}
