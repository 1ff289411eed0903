import { QuorateError } from '../../errors/interface.ts';

/** The database that holds the users; replicated like any other. */
export const systemDatabaseName = 'systemdb';

/** As the database of a grant: every one but `systemdb`. */
export const everyDatabase = '*';

/**
 * What a user may do with a database: `read` its rows and its status; `write` any SQL, the schema too; `admin` everything
 * else, including to follow it; `replication` to follow it and nothing else.
 */
export type Permission = 'read' | 'write' | 'admin' | 'replication';

/** What each permission contains besides itself. */
const implied: Readonly<Record<Permission, readonly Permission[]>> = {
  read: [],
  write: ['read'],
  admin: ['write', 'read', 'replication'],
  replication: [],
};

const databasePattern = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** A permission on one database, or on every one but `systemdb`. */
export interface Grant {
  readonly database: string;
  readonly permission: Permission;
}

/** Whether one of the grants contains the permission; asked for `*`, only a grant for `*` does. */
export function allows(grants: readonly Grant[], database: string, permission: Permission): boolean {
  return grants.some((grant) => coversDatabase(grant, database) && contains(grant.permission, permission));
}

function coversDatabase(grant: Grant, database: string): boolean {
  return grant.database === database || (grant.database === everyDatabase && database !== systemDatabaseName);
}

function contains(held: Permission, wanted: Permission): boolean {
  return held === wanted || implied[held].includes(wanted);
}

/** Whether a text is the name of a permission. */
export function isPermission(text: string): text is Permission {
  return Object.hasOwn(implied, text);
}

/**
 * Checks a grant that somebody asks for. Whoever changes `systemdb` makes himself a super-admin, and whoever reads it has
 * the hashes of all passwords, so that only `replication` is granted for it, by name.
 * @throws QuorateError INVALID_ARGUMENT
 */
export function checkGrant({ database, permission }: { database: string; permission: string }): Grant {
  if (!isPermission(permission)) {
    throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(permission)} is no permission`, {
      hint: `Use ${Object.keys(implied).join(', ')}, or sysadmin without a database.`,
    });
  }
  if (database !== everyDatabase && !databasePattern.test(database)) {
    throw new QuorateError('INVALID_ARGUMENT', `${JSON.stringify(database)} is no name of a database`, {
      hint: 'Name a database, or * for all of them but systemdb.',
    });
  }
  if (database === systemDatabaseName && permission !== 'replication') {
    throw new QuorateError('INVALID_ARGUMENT', `${permission} cannot be granted on ${systemDatabaseName}`, {
      hint: 'It holds the users: only replication is granted on it, and a super-admin may do the rest.',
    });
  }
  return { database, permission };
}
