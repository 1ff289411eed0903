import type { ChildProcess } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { exitOf, runProgram, startChild } from '../measuring/children.ts';
import { freePorts, untilReady } from './peer.ts';
import { identityOf, type ServerIdentity } from './postgres-cluster.ts';
import { findProgram } from './programs.ts';

/** Seconds. What Patroni's documentation names as the least of each is the other end of what is sensible. */
export interface PatroniTimes {
  readonly ttl: number;
  readonly loop_wait: number;
  readonly retry_timeout: number;
}

export const patroniTimes = {
  patroni: { ttl: 30, loop_wait: 10, retry_timeout: 10 },
  patroni_fast: { ttl: 20, loop_wait: 1, retry_timeout: 3 },
} as const satisfies Record<string, PatroniTimes>;

const bin = '/usr/lib/postgresql/15/bin';
const host = '127.0.0.1';
const user = 'postgres';
const memberCount = 3;

interface Member {
  readonly name: string;
  readonly port: number;
  readonly restPort: number;
  readonly directory: string;
  process: ChildProcess | undefined;
}

export interface PatroniOptions {
  readonly directory: string;
  /** `host:port` of the members of etcd. */
  readonly etcd: readonly string[];
  readonly times: PatroniTimes;
}

/** Three nodes of PostgreSQL under Patroni with etcd; a commit is on one standby, too, before it is answered. */
export class PatroniCluster implements AsyncDisposable {
  readonly #options: PatroniOptions;
  readonly #program: string;
  readonly #identity: ServerIdentity;
  readonly #members: readonly Member[];
  readonly version: string;

  private constructor(
    options: PatroniOptions,
    program: string,
    { identity, members, version }: { identity: ServerIdentity; members: readonly Member[]; version: string },
  ) {
    this.#options = options;
    this.#program = program;
    this.#identity = identity;
    this.#members = members;
    this.version = version;
  }

  /** Undefined when Patroni or PostgreSQL 15 is not installed. */
  static async start(options: PatroniOptions): Promise<PatroniCluster | undefined> {
    const program = findProgram('patroni');
    if (program === undefined || !existsSync(path.join(bin, 'postgres'))) {
      return undefined;
    }
    const identity = process.getuid?.() === 0 ? await identityOf(user) : {};
    const ports = await freePorts(2 * memberCount);
    const members = Array.from({ length: memberCount }, (_, i) => ({
      name: `p${i}`,
      port: ports[2 * i] as number,
      restPort: ports[2 * i + 1] as number,
      directory: path.join(options.directory, `p${i}`),
      process: undefined,
    }));
    const version = (await runProgram(program, ['--version'], {})).trim();
    const cluster = new PatroniCluster(options, program, { identity, members, version });
    await cluster.#begin();
    return cluster;
  }

  async #begin(): Promise<void> {
    this.#makeDirectory(this.#options.directory);
    for (const member of this.#members) {
      this.#makeDirectory(member.directory);
      writeFileSync(this.#configFile(member), JSON.stringify(this.#config(member)));
      this.#startMember(member);
    }
    await this.untilWhole();
    await this.#query('CREATE TABLE items (id bigserial PRIMARY KEY, name text NOT NULL)');
  }

  #makeDirectory(directory: string): void {
    mkdirSync(directory, { mode: 0o700 });
    const { uid, gid } = this.#identity;
    if (uid !== undefined && gid !== undefined) {
      chownSync(directory, uid, gid);
    }
  }

  #startMember(member: Member): void {
    member.process = startChild(this.#program, [this.#configFile(member)], {
      ...this.#identity,
      cwd: member.directory,
      stdio: 'ignore',
      // It takes its PostgreSQL with it.
      lastSignal: 'SIGTERM',
    });
  }

  #configFile({ name }: Member): string {
    return path.join(this.#options.directory, `${name}.json`);
  }

  /** JSON is YAML. */
  #config({ name, port, restPort, directory }: Member): unknown {
    const { etcd, times } = this.#options;
    const access = ['local all all trust', `host all all ${host}/32 trust`, `host replication all ${host}/32 trust`];
    const settings = { use_pg_rewind: true, parameters: { wal_log_hints: 'on' } };
    return {
      ...{ scope: 'bench', namespace: `/patroni-${times.ttl}/`, name },
      restapi: { listen: `${host}:${restPort}`, connect_address: `${host}:${restPort}` },
      etcd3: { hosts: etcd },
      bootstrap: { dcs: { ...times, synchronous_mode: true, postgresql: settings }, initdb: ['data-checksums'] },
      postgresql: {
        ...{ listen: `${host}:${port}`, connect_address: `${host}:${port}`, pg_hba: access },
        ...{ data_dir: path.join(directory, 'data'), bin_dir: bin, parameters: { unix_socket_directories: directory } },
        pgpass: path.join(directory, 'pgpass'),
        authentication: { superuser: { username: user }, replication: { username: 'replicator' } },
      },
    };
  }

  /** Kills the primary with its Patroni. Returns milliseconds until another accepts a write, and brings it back. */
  async failover(): Promise<number> {
    const primary = await this.#primary();
    await this.insert();
    const startMs = performance.now();
    primary.process?.kill('SIGKILL');
    process.kill(this.#postmaster(primary), 'SIGKILL');
    await untilReady('another primary of PostgreSQL', () => this.insert().then(() => true));
    const firstWriteMs = performance.now() - startMs;
    this.#startMember(primary);
    await this.untilWhole();
    return firstWriteMs;
  }

  /** At whichever member takes writes. */
  insert(): Promise<string> {
    return this.#query("INSERT INTO items (name) VALUES ('item')");
  }

  /** Resolves when there is a primary, both others follow it, and Patroni knows which of them may take its place. */
  async untilWhole(): Promise<void> {
    const streaming = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
    await untilReady('PostgreSQL under Patroni', async () => {
      if ((await this.#query(streaming)) !== String(memberCount - 1)) {
        return false;
      }
      const answer = await fetch(`http://${host}:${this.#members[0]?.restPort}/cluster`);
      const { members } = (await answer.json()) as { members: readonly { role: string }[] };
      return members.length === memberCount && members.some(({ role }) => role === 'sync_standby');
    });
  }

  async #primary(): Promise<Member> {
    const port = Number(await this.#query('SHOW port'));
    return this.#members.find((member) => member.port === port) as Member;
  }

  #postmaster({ directory }: Member): number {
    return Number(readFileSync(path.join(directory, 'data', 'postmaster.pid'), 'utf8').split('\n')[0]);
  }

  async #query(sql: string): Promise<string> {
    const hosts = this.#members.map(() => host).join(',');
    const ports = this.#members.map(({ port }) => port).join(',');
    const address = `host=${hosts} port=${ports} user=${user} dbname=postgres`;
    const connection = `${address} target_session_attrs=read-write connect_timeout=2`;
    const parameters = ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', connection, '-c', sql];
    return (await runProgram(path.join(bin, 'psql'), parameters, { cwd: '/' })).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.#members) {
      member.process?.kill('SIGTERM');
    }
    for (const { process: child } of this.#members) {
      if (child !== undefined) {
        await exitOf(child);
      }
    }
  }
}
