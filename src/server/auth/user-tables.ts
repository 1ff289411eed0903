import type { Statement } from '../../sqlite/interface.ts';

/** The tables of `systemdb`. Times are milliseconds since 1970. */
export const createTables: readonly Statement[] = [
  `CREATE TABLE IF NOT EXISTS users (
    name TEXT PRIMARY KEY NOT NULL,
    password_hash TEXT NOT NULL,
    is_sysadmin INTEGER NOT NULL CHECK (is_sysadmin IN (0, 1)),
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    token_generation TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS permissions (
    user TEXT NOT NULL,
    database TEXT NOT NULL,
    permission TEXT NOT NULL,
    PRIMARY KEY (user, database, permission)
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS token_keys (
    id TEXT PRIMARY KEY NOT NULL,
    public_key TEXT NOT NULL,
    node_id TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    valid_until_ms INTEGER
  ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE IF NOT EXISTS revoked_tokens (
    id TEXT PRIMARY KEY NOT NULL,
    keep_until_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
].map((sql) => ({ sql }));
