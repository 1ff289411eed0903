import type { Database } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import type { Runtime } from '../../runtime/interface.ts';
import type { SqlValue, Statement, StatementResult } from '../../sqlite/interface.ts';
import { hashPassword, maxPasswordLength, verifyPassword } from './password-hash.ts';
import type { Grant } from './permissions.ts';
import type { PublishedKey } from './token-keys.ts';
import type { StoredUser, UserSource } from './user-directory.ts';
import { createTables } from './user-tables.ts';

/** The super-admin of the first start. */
export const adminUser = 'admin';

/** Characters of the shortest password that is taken. */
const minPasswordLength = 8;

/** Permissions of one user, which each node keeps in memory. */
export const maxGrants = 1_000;

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/;

const tokenIdPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface NewUser {
  readonly name: string;
  readonly password: string;
  readonly isSysadmin: boolean;
  readonly grants: readonly Grant[];
}

export interface UserAdministrationOptions {
  readonly users: UserSource;
  readonly runtime: Runtime;
  /** The system database if its users may be changed here. @throws QuorateError READ_ONLY_REPLICA, UNAVAILABLE */
  readonly database: () => Pick<Database, 'writer'>;
  readonly maxUsers: number;
  readonly maxRevokedTokens: number;
}

/** Does the user keep an active super-admin if this one goes? */
const notTheLastSysadmin =
  '(NOT (is_sysadmin AND is_active) OR (SELECT count(*) FROM users WHERE is_sysadmin AND is_active) > 1)';

/** Changes users, permissions, keys and revoked tokens in `systemdb`; each call is one transaction, which replicates. */
export class UserAdministration {
  readonly #options: UserAdministrationOptions;

  constructor(options: UserAdministrationOptions) {
    this.#options = options;
  }

  /** @throws QuorateError USER_EXISTS, INVALID_ARGUMENT, OVERLOADED when there are as many as may be */
  async create({ name, password, isSysadmin, grants }: NewUser): Promise<StoredUser> {
    const { runtime, maxUsers } = this.#options;
    if (!namePattern.test(name)) {
      throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(name)} is no name for a user`, {
        hint: 'Use 1 to 63 letters, digits, ".", "_", "@" and "-", beginning with a letter or a digit.',
      });
    }
    if (grants.length > maxGrants) {
      throw new QuorateError('INVALID_ARGUMENT', `a user has at most ${maxGrants} permissions`);
    }
    const hash = await this.#hash(password);
    const insert = `INSERT INTO users SELECT ?, ?, ?, 1, ?, ? WHERE (SELECT count(*) FROM users) < ${maxUsers}
      ON CONFLICT (name) DO NOTHING`;
    const values = [name, hash, Number(isSysadmin), this.#newGeneration(), Math.floor(runtime.clock.nowMs())];
    const isAlreadyThere = { sql: 'SELECT 1 FROM users WHERE name = ?', parameters: [name] };
    // A statement that inserts nothing must let the grants do nothing, too: they are for the user of this password.
    const grantRows = grants.map(({ database, permission }) => ({
      sql: 'INSERT INTO permissions SELECT name, ?, ? FROM users WHERE name = ? AND password_hash = ? ON CONFLICT DO NOTHING',
      parameters: [database, permission, name, hash],
    }));
    const [before, inserted] = await this.#transact([
      isAlreadyThere,
      { sql: insert, parameters: values },
      ...grantRows,
    ]);
    if (before?.rows.length === 1) {
      throw new QuorateError('USER_EXISTS', `user ${name} exists already`);
    }
    if (inserted?.changes !== 1) {
      throw new QuorateError('OVERLOADED', `this server has ${maxUsers} users, as many as it may`, {
        hint: 'Delete one, or raise max-users.',
      });
    }
    return this.require(name);
  }

  /** All users in the order of their names. */
  list(): StoredUser[] {
    return [...this.#options.users.current().users.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws QuorateError USER_NOT_FOUND */
  require(name: string): StoredUser {
    const user = this.#options.users.current().users.get(name);
    if (user === undefined) {
      throw new QuorateError('USER_NOT_FOUND', `there is no user ${JSON.stringify(name)}`, {
        hint: 'List the users with: quorate user list',
      });
    }
    return user;
  }

  /** Ends all tokens of the user, too. @throws QuorateError USER_NOT_FOUND, INVALID_ARGUMENT */
  async setPassword(name: string, password: string): Promise<void> {
    this.require(name);
    const parameters = [await this.#hash(password), this.#newGeneration(), name];
    await this.#change(name, 'UPDATE users SET password_hash = ?, token_generation = ? WHERE name = ?', parameters);
  }

  /** A user who is not active cannot log in, and has no valid token. @throws QuorateError USER_NOT_FOUND, INVALID_ARGUMENT */
  async setActive(name: string, isActive: boolean): Promise<StoredUser> {
    const sql = `UPDATE users SET is_active = ?, token_generation = ? WHERE name = ? AND (? OR ${notTheLastSysadmin})`;
    await this.#change(name, sql, [Number(isActive), this.#newGeneration(), name, Number(isActive)]);
    return this.require(name);
  }

  /** @throws QuorateError USER_NOT_FOUND, INVALID_ARGUMENT for the last super-admin */
  async delete(name: string): Promise<void> {
    const permissions = {
      sql: 'DELETE FROM permissions WHERE user = ? AND user NOT IN (SELECT name FROM users)',
      parameters: [name],
    };
    await this.#change(name, `DELETE FROM users WHERE name = ? AND ${notTheLastSysadmin}`, [name], [permissions]);
  }

  /** @throws QuorateError USER_NOT_FOUND, INVALID_ARGUMENT for the last super-admin */
  async setSysadmin(name: string, isSysadmin: boolean): Promise<StoredUser> {
    const sql = `UPDATE users SET is_sysadmin = ? WHERE name = ? AND (? OR ${notTheLastSysadmin})`;
    await this.#change(name, sql, [Number(isSysadmin), name, Number(isSysadmin)]);
    return this.require(name);
  }

  /** @throws QuorateError USER_NOT_FOUND */
  async grant(name: string, { database, permission }: Grant): Promise<StoredUser> {
    if (this.require(name).grants.length >= maxGrants) {
      throw new QuorateError('OVERLOADED', `${name} has ${maxGrants} permissions, as many as a user may`, {
        hint: 'Grant the permission on every database with *, or take others back.',
      });
    }
    const sql = 'INSERT INTO permissions SELECT name, ?, ? FROM users WHERE name = ? ON CONFLICT DO NOTHING';
    await this.#transact([{ sql, parameters: [database, permission, name] }]);
    return this.require(name);
  }

  /** Takes back exactly what was granted. @throws QuorateError USER_NOT_FOUND, INVALID_ARGUMENT when it was not */
  async revoke(name: string, { database, permission }: Grant): Promise<StoredUser> {
    this.require(name);
    const sql = 'DELETE FROM permissions WHERE user = ? AND database = ? AND permission = ?';
    const [result] = await this.#transact([{ sql, parameters: [name, database, permission] }]);
    if (result?.changes !== 1) {
      throw new QuorateError('INVALID_ARGUMENT', `${name} was not granted ${permission} on ${database}`, {
        hint: 'See what was granted with: quorate user list. Another grant may contain this one.',
      });
    }
    return this.require(name);
  }

  /** Takes back all grants on a database that is no more, so that another one of its name begins without any. */
  async forgetDatabase(database: string): Promise<void> {
    await this.#transact([{ sql: 'DELETE FROM permissions WHERE database = ?', parameters: [database] }]);
  }

  /** Ends all tokens of a user. @throws QuorateError USER_NOT_FOUND */
  async revokeTokens(name: string): Promise<void> {
    await this.#change(name, 'UPDATE users SET token_generation = ? WHERE name = ?', [this.#newGeneration(), name]);
  }

  /** Ends one token. @param keepUntilMs when it has expired for certain, and need not be remembered any more */
  async revokeToken(id: string, keepUntilMs: number): Promise<void> {
    if (!tokenIdPattern.test(id)) {
      throw new QuorateError('INVALID_ARGUMENT', 'that is no id of a token', {
        hint: 'The id was printed with the token, and is "jti" in it. The token itself is a secret: do not give it here.',
      });
    }
    const { runtime, maxRevokedTokens, users } = this.#options;
    const purge = { sql: 'DELETE FROM revoked_tokens WHERE keep_until_ms <= ?', parameters: [runtime.clock.nowMs()] };
    const insert = {
      sql: `INSERT INTO revoked_tokens SELECT ?, ? WHERE (SELECT count(*) FROM revoked_tokens) < ${maxRevokedTokens}
        ON CONFLICT DO NOTHING`,
      parameters: [id, Math.ceil(keepUntilMs)],
    };
    await this.#transact([purge, insert]);
    if (!users.current().revokedTokens.has(id)) {
      throw new QuorateError('OVERLOADED', `${maxRevokedTokens} tokens are revoked already, as many as may be`, {
        hint: 'End all tokens of a user with: quorate token revoke --user USER, or raise max-revoked-tokens.',
      });
    }
  }

  /**
   * Makes the keys of a node known to all that share this `systemdb`.
   * @param others what becomes of the keys of other nodes
   */
  async publishKeys(nodeId: string, keys: readonly PublishedKey[], others: 'keep' | 'remove'): Promise<void> {
    const drop =
      others === 'remove'
        ? { sql: 'DELETE FROM token_keys' }
        : {
            sql: 'DELETE FROM token_keys WHERE node_id = ? OR valid_until_ms <= ?',
            parameters: [nodeId, this.#options.runtime.clock.nowMs()],
          };
    const inserts = keys.map(({ id, publicKey, createdAtMs, validUntilMs }) => ({
      sql: 'INSERT INTO token_keys VALUES (?, ?, ?, ?, ?)',
      parameters: [id, publicKey, nodeId, createdAtMs, validUntilMs],
    }));
    await this.#transact([drop, ...inserts]);
  }

  /**
   * Makes the tables and the administrator at the first start of a primary, or gives him another password when `password` is
   * not the stored one. Returns the password if it had to be generated.
   */
  async ensureAdmin(password: string | undefined): Promise<string | undefined> {
    const [tables] = await this.#transact([{ sql: "SELECT 1 FROM sqlite_schema WHERE name = 'revoked_tokens'" }]);
    if (tables?.rows.length === 0) {
      await this.#transact(createTables);
    }
    const { users, runtime } = this.#options;
    const stored = users.current().users;
    const admin = stored.get(adminUser);
    if (stored.size === 0) {
      const chosen = password ?? Buffer.from(runtime.random.bytes(18)).toString('base64url');
      await this.create({ name: adminUser, password: chosen, isSysadmin: true, grants: [] });
      return password === undefined ? chosen : undefined;
    }
    if (password !== undefined && admin === undefined) {
      runtime.logger.warn({ user: adminUser }, 'the admin password was ignored: that user was deleted');
    } else if (password !== undefined && admin !== undefined && !(await verifyPassword(password, admin.passwordHash))) {
      await this.setPassword(adminUser, password);
      runtime.logger.info({ user: adminUser }, 'the password of the administrator was changed');
    }
    return undefined;
  }

  async #hash(password: string): Promise<string> {
    if (password.length < minPasswordLength || password.length > maxPasswordLength) {
      throw new QuorateError(
        'INVALID_ARGUMENT',
        `a password has from ${minPasswordLength} to ${maxPasswordLength} characters`,
      );
    }
    return await hashPassword(password, (size) => this.#options.runtime.random.bytes(size));
  }

  #newGeneration(): string {
    return Buffer.from(this.#options.runtime.random.bytes(12)).toString('base64url');
  }

  /** Changes the row of one user; what it refuses to change is the last super-admin. */
  async #change(name: string, sql: string, parameters: SqlValue[], more: readonly Statement[] = []): Promise<void> {
    this.require(name);
    const [result] = await this.#transact([{ sql, parameters }, ...more]);
    if (result?.changes !== 1) {
      this.require(name);
      throw new QuorateError('INVALID_ARGUMENT', `${name} is the last active super-admin of this server`, {
        hint: 'Make another one first: quorate user grant USER sysadmin',
      });
    }
  }

  async #transact(statements: readonly Statement[]): Promise<readonly StatementResult[]> {
    return (await this.#options.database().writer.transact(statements)).results;
  }
}
