/** What tests do with replicas that are not what their upstreams are: commands, and edits by hand. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { UpdateDatabaseRequest } from '../src/proto/interface.ts';
import { type CommandResult, quorate } from './command-line.ts';
import { adminPassword, type ServerFixture, type ServerProcess, sqliteFile } from './server-process.ts';

export const createItems = 'CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT UNIQUE, price REAL)';

/** Runs a command for one server, as a person who has logged in there. */
export async function command(
  fixture: ServerFixture,
  server: ServerProcess,
  ...args: string[]
): Promise<CommandResult> {
  const env = { XDG_CONFIG_HOME: path.join(fixture.root, 'config'), QUORATE_PORT: String(server.port) };
  await quorate(['login', 'admin'], { env, input: `${adminPassword}\n` });
  return await quorate([...args, '--json'], { env: { ...env, QUORATE_WITH_PASSWORD: adminPassword } });
}

export function verify(fixture: ServerFixture, server: ServerProcess, other: ServerProcess, ...flags: string[]) {
  return command(fixture, server, 'verify', 'defaultdb', '--with', `127.0.0.1:${other.port}`, ...flags);
}

/** What a command has printed with --json. */
export const lines = ({ stdout }: CommandResult) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** Changes the file of a stopped server as a person would who should not. */
export function edit(fixture: ServerFixture, name: string, sql: string, database = 'defaultdb'): void {
  const db = new DatabaseSync(sqliteFile(path.join(fixture.root, name), database));
  db.exec(sql);
  db.close();
}

export function update(changes: Partial<UpdateDatabaseRequest>): UpdateDatabaseRequest {
  return {
    database: 'defaultdb',
    ...changes,
  };
}

/** Makes a database the replica of that of another server. */
export async function followFrom(server: ServerProcess, upstream: ServerProcess): Promise<void> {
  await (await server.client()).updateDatabase(
    update({
      role: 'replica',
      replicationEnabled: true,
      primaryHost: '127.0.0.1',
      primaryPort: upstream.port,
      primaryDatabase: 'defaultdb',
      primaryUsername: 'admin',
      primaryPassword: adminPassword,
    }),
  );
}

/** The lines of a file that a server has saved. */
export function savedLines(file: string) {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
