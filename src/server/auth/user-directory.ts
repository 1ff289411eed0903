import type { KeyObject } from 'node:crypto';
import type { Database } from '../../database/interface.ts';
import { QuorateError } from '../../errors/interface.ts';
import { ReadConnection, type RowObject } from '../../sqlite/interface.ts';
import { type Grant, isPermission } from './permissions.ts';
import { publicKeyOf } from './token-keys.ts';

/** How long a read may wait for a lock of SQLite, in milliseconds: readers of a WAL wait for next to nothing. */
const busyTimeoutMs = 1_000;

export interface StoredUser {
  readonly name: string;
  readonly passwordHash: string;
  readonly isSysadmin: boolean;
  readonly isActive: boolean;
  /** Another one with each change that ends all tokens of the user. */
  readonly tokenGeneration: string;
  readonly createdAtMs: number;
  readonly grants: readonly Grant[];
}

export interface StoredKey {
  readonly publicKey: KeyObject;
  readonly nodeId: string;
  /** Milliseconds since 1970; null for a key in use. */
  readonly validUntilMs: number | null;
}

/** All users, keys and revoked tokens at one moment. */
export interface UserList {
  readonly users: ReadonlyMap<string, StoredUser>;
  readonly keys: ReadonlyMap<string, StoredKey>;
  readonly revokedTokens: ReadonlySet<string>;
}

/** Gives the users as they are now. @throws QuorateError UNAVAILABLE when they are not known on this node yet */
export interface UserSource {
  current(): UserList;
}

type SystemDatabase = Pick<Database, 'filePath' | 'positions'>;

/**
 * Keeps what `systemdb` says in memory, and reads it again as soon as the database shows a later transaction: whoever asks
 * after a change was committed on this node, or applied on a replica, gets the change. That takes a look at positions in
 * shared memory for each request, and some rows after each change; the tables are bounded.
 */
export class UserDirectory implements UserSource {
  readonly #database: () => SystemDatabase | undefined;
  #list: UserList | undefined;
  #readAt: { readonly filePath: string; readonly term: number; readonly applied: number } | undefined;

  /** @param database the system database; undefined while it is not open, when what was read last still holds */
  constructor(database: () => SystemDatabase | undefined) {
    this.#database = database;
  }

  current(): UserList {
    const database = this.#database();
    if (database === undefined) {
      return this.#list ?? fail('this server is starting, or its systemdb is not open');
    }
    const { applied, term } = database.positions();
    const { filePath } = database;
    const read = this.#readAt;
    if (this.#list === undefined || applied !== read?.applied || term !== read.term || filePath !== read.filePath) {
      this.#list = readUsers(filePath);
      this.#readAt = { filePath, term, applied };
    }
    return this.#list;
  }
}

function fail(message: string): never {
  throw new QuorateError('UNAVAILABLE', message, { hint: 'Try again in a moment; see the log of the server.' });
}

function readUsers(filePath: string): UserList {
  using connection = ReadConnection.open(filePath, { busyTimeoutMs });
  return connection.snapshot(() => {
    if (connection.get("SELECT 1 FROM sqlite_schema WHERE name = 'revoked_tokens'") === undefined) {
      throw new QuorateError('UNAVAILABLE', 'this server does not know its users yet', {
        hint: 'Its systemdb is a replica that has not received anything from its upstream; see the status of the server that it follows, and its own log.',
      });
    }
    const grants = Map.groupBy(connection.all('SELECT * FROM permissions'), ({ user }) => String(user));
    const users = connection
      .all('SELECT * FROM users')
      .map((row) => userOf(row, grants.get(String(row['name'])) ?? []));
    const keys = connection.all('SELECT * FROM token_keys').map((row) => [String(row['id']), keyOf(row)] as const);
    const revoked = connection.all('SELECT id FROM revoked_tokens').map(({ id }) => String(id));
    return {
      users: new Map(users.map((user) => [user.name, user])),
      keys: new Map(keys),
      revokedTokens: new Set(revoked),
    };
  });
}

function userOf(row: RowObject, grants: readonly RowObject[]): StoredUser {
  return {
    name: String(row['name']),
    passwordHash: String(row['password_hash']),
    isSysadmin: row['is_sysadmin'] === 1,
    isActive: row['is_active'] === 1,
    tokenGeneration: String(row['token_generation']),
    createdAtMs: Number(row['created_at_ms']),
    // A later version of the primary may know permissions that this one does not, and that allow nothing here.
    grants: grants.flatMap(({ database, permission }) => {
      const name = String(permission);
      return isPermission(name) ? [{ database: String(database), permission: name }] : [];
    }),
  };
}

function keyOf(row: RowObject): StoredKey {
  const validUntilMs = row['valid_until_ms'];
  return {
    publicKey: publicKeyOf({ publicKey: String(row['public_key']) }),
    nodeId: String(row['node_id']),
    validUntilMs: validUntilMs === null ? null : Number(validUntilMs),
  };
}
