import type { ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { exitOf, runProgram, startChild } from '../measuring/children.ts';

/** Where PostgreSQL 15 is looked for: the folder that the packages of Debian and Ubuntu use, then the search path. */
const candidates = ['/usr/lib/postgresql/15/bin', ...(process.env['PATH'] ?? '').split(path.delimiter)];

/** PostgreSQL refuses to run as root; the packages make this user for it. */
const serverUser = 'postgres';

const databaseName = 'postgres';
const ports = { primary: 5432, standby: 5433, standby2: 5434 } as const;
type Member = keyof typeof ports;
type Standby = Exclude<Member, 'primary'>;

/** More than the default of 128 MiB, so that PostgreSQL does not lose because of a small cache. */
const sharedBuffers = '512MB';

/** The user and group that a process runs as; empty for those of this process. */
export interface ServerIdentity {
  readonly uid?: number;
  readonly gid?: number;
}

export interface PostgresOptions {
  /** Standbys, asynchronous unless said otherwise. Default: one. */
  readonly standbys?: readonly Standby[];
  /** `synchronous_standby_names` of the primary. */
  readonly synchronous?: string;
}

/** A primary and streaming standbys in a folder of their own, reachable through Unix sockets only. */
export class PostgresCluster implements AsyncDisposable {
  readonly #bin: string;
  readonly #directory: string;
  readonly #identity: ServerIdentity;
  readonly #servers: ChildProcess[] = [];
  readonly version: string;

  private constructor(bin: string, directory: string, identity: ServerIdentity, version: string) {
    this.#bin = bin;
    this.#directory = directory;
    this.#identity = identity;
    this.version = version;
  }

  /** Undefined when PostgreSQL is not installed. Everything but the cache size is as initdb leaves it: fsync is on. */
  static async start(directory: string, options: PostgresOptions = {}): Promise<PostgresCluster | undefined> {
    const bin = candidates.find(
      (folder) => existsSync(path.join(folder, 'initdb')) && existsSync(path.join(folder, 'pgbench')),
    );
    if (bin === undefined) {
      return undefined;
    }
    const version = (await runProgram(path.join(bin, 'postgres'), ['--version'], {})).trim();
    const identity: ServerIdentity = process.getuid?.() === 0 ? await identityOf(serverUser) : {};
    mkdirSync(directory, { mode: 0o700 });
    if (identity.uid !== undefined && identity.gid !== undefined) {
      chownSync(directory, identity.uid, identity.gid);
    }
    const cluster = new PostgresCluster(bin, directory, identity, version);
    await cluster.#begin(options);
    return cluster;
  }

  async #begin({ standbys = ['standby'], synchronous }: PostgresOptions): Promise<void> {
    const primary = path.join(this.#directory, 'primary');
    await this.#run('initdb', ['-D', primary, '--auth=trust', `--username=${serverUser}`, '--no-instructions']);
    await this.#startServer('primary', primary);
    for (const standby of standbys) {
      await this.#startStandby(standby);
    }
    await this.#until(
      async () =>
        (await this.query("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'")) ===
        String(standbys.length),
    );
    if (synchronous !== undefined) {
      await this.query(`ALTER SYSTEM SET synchronous_standby_names = '${synchronous}'`);
      await this.query('SELECT pg_reload_conf()');
    }
  }

  async #startStandby(standby: Standby): Promise<void> {
    const data = path.join(this.#directory, standby);
    const connection = `host=${this.#directory} port=${ports.primary} user=${serverUser} application_name=${standby}`;
    await this.#run('pg_basebackup', ['-d', connection, '-D', data, '-R', '--checkpoint=fast']);
    await this.#startServer(standby, data);
  }

  async #startServer(member: Member, data: string): Promise<void> {
    const settings = [
      '-c',
      'listen_addresses=',
      '-c',
      `unix_socket_directories=${this.#directory}`,
      '-c',
      `shared_buffers=${sharedBuffers}`,
    ];
    const server = startChild(
      path.join(this.#bin, 'postgres'),
      ['-D', data, '-p', String(ports[member]), ...settings],
      {
        ...this.#identity,
        cwd: this.#directory,
        stdio: 'ignore',
        lastSignal: 'SIGQUIT',
      },
    );
    this.#servers.push(server);
    await this.#until(async () => {
      if (server.exitCode !== null) {
        throw new Error(`the PostgreSQL ${member} ended with ${server.exitCode}`);
      }
      return (await this.query('SELECT 1', member)) === '1';
    });
  }

  /** Runs SQL and returns what it selected. */
  async query(sql: string, member: Member = 'primary'): Promise<string> {
    const output = await this.#run('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', ...this.#connection(member), '-c', sql]);
    return output.trim();
  }

  /** Runs a program of PostgreSQL against the primary. */
  runClient(program: string, parameters: readonly string[]): Promise<string> {
    return this.#run(program, [...this.#connection('primary'), ...parameters]);
  }

  /** Copies the primary's files into a new folder, with its checkpoint at once and its fsync at the end. */
  async baseBackup(target: string): Promise<void> {
    const connection = ['-h', this.#directory, '-p', String(ports.primary), '-U', serverUser];
    await this.#run('pg_basebackup', [...connection, '-D', target, '--checkpoint=fast']);
  }

  /** Waits until the standby shows all that the primary has. */
  async waitForStandby(): Promise<void> {
    const position = await this.query('SELECT pg_current_wal_lsn()');
    await this.#until(
      async () => (await this.query(`SELECT pg_last_wal_replay_lsn() >= '${position}'`, 'standby')) === 't',
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers.toReversed()) {
      server.kill('SIGINT');
      await exitOf(server);
    }
  }

  #connection(member: Member): string[] {
    return ['-h', this.#directory, '-p', String(ports[member]), '-U', serverUser, '-d', databaseName];
  }

  #run(program: string, parameters: readonly string[]): Promise<string> {
    return runProgram(path.join(this.#bin, program), parameters, { ...this.#identity, cwd: this.#directory });
  }

  async #until(condition: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + 30_000;
    let lastError: unknown;
    while (Date.now() < deadline) {
      try {
        if (await condition()) {
          return;
        }
      } catch (error) {
        lastError = error;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('PostgreSQL did not get ready within 30 seconds', { cause: lastError });
  }
}

export async function identityOf(user: string): Promise<ServerIdentity> {
  const id = async (option: string) => Number(await runProgram('id', [option, user], {}));
  return { uid: await id('-u'), gid: await id('-g') };
}
