/** A server that is fed bad input, and what must be true of it afterwards. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeClient } from '../../src/client/interface.ts';
import { adminPassword, ServerProcess } from '../server-process.ts';
import { inTime } from './fuzz-loop.ts';

/** Codes that no input of a client may cause. */
const defects = ['INTERNAL', 'IO_ERROR', 'LOG_CORRUPT', 'DIVERGED'] as const;

/** What is open on behalf of clients and must be closed when they have gone. */
const openGauges: readonly string[] = [
  'quorate_grpc_calls',
  'quorate_grpc_connections',
  'quorate_hrana_http_requests',
  'quorate_hrana_http_streams',
  'quorate_hrana_connections',
  'quorate_hrana_connection_streams',
  'quorate_reader_running',
  'quorate_reader_queue',
  'quorate_writer_queue',
];

/** Level of pino for errors. */
const errorLevel = 50;

/** By how much the server may grow after it has done everything that it can be asked. */
const maxGrowthBytes = 128 * 1024 * 1024;

const patienceMs = 30_000;

export class WatchedServer {
  readonly server: ServerProcess;
  readonly admin: NodeClient;
  /** What the log must not have in it. */
  readonly secrets = new Set([adminPassword, 'scrypt$']);
  /** What may stay open, by its gauge. */
  #open: ReadonlyMap<string, number> = new Map();
  #bystander = '';

  private constructor(server: ServerProcess, admin: NodeClient) {
    this.server = server;
    this.admin = admin;
  }

  /** To be called at the top level of a test file; the server ends with its tests. */
  static async start(...args: string[]): Promise<WatchedServer> {
    const directory = mkdtempSync(path.join(os.tmpdir(), 'quorate-fuzz-'));
    const server = await ServerProcess.start({ directory, args });
    after(async () => {
      await server.stop();
      rmSync(directory, { recursive: true });
    });
    const watched = new WatchedServer(server, await server.client());
    await watched.#prepare();
    return watched;
  }

  async create(database: string, ...statements: string[]): Promise<void> {
    await this.admin.createDatabase({ database, role: '', replication: undefined, acks: undefined });
    if (statements.length > 0) {
      await this.server.execute(database, ...statements);
    }
  }

  /** A token of a new user with these permissions. */
  async tokenOf(user: string, ...grants: string[]): Promise<string> {
    const permissions = grants.map((grant) => {
      const [permission = '', database = ''] = grant.split(':');
      return { permission, database };
    });
    const sysadmin = grants.length === 0;
    await this.admin.users.create({ user, password: `the password of ${user}`, sysadmin, permissions });
    this.secrets.add(`the password of ${user}`);
    return await this.newToken(user);
  }

  async newToken(user: string): Promise<string> {
    const { token } = await this.admin.users.createToken({ user, scope: [], ttlMs: 0 });
    this.secrets.add(token);
    return token;
  }

  /** What is open now may stay so, such as the streams of a replica. */
  async keepOpen(): Promise<void> {
    const metrics = await this.metrics();
    this.#open = new Map(openGauges.map((name) => [name, gauge(metrics, name)]));
  }

  async metrics(): Promise<string> {
    return await (await fetch(`${this.server.httpUrl}/metrics`)).text();
  }

  /** The server answers, has closed what its clients left, reports no defect and has touched nothing else. */
  async check(): Promise<void> {
    await inTime('reading', this.server.query('probe', 'SELECT 1'));
    await inTime('writing', this.server.execute('probe', 'UPDATE probe SET n = n + 1'));
    await this.#closed();
    const metrics = await this.metrics();
    for (const code of defects) {
      assert.ok(!metrics.includes(`quorate_errors_total{code="${code}"}`), `${code}: ${this.server.log}`);
    }
    this.#checkLog();
    assert.equal(await this.server.digest('bystander'), this.#bystander, 'another database was touched');
    const { databases } = await this.admin.status();
    const failed = databases.filter(({ state }) => state === 'failed');
    assert.deepEqual(failed, []);
  }

  /** Memory of the server after a load that it has seen before does not grow without bound. */
  async checkGrowth(load: () => Promise<void>): Promise<void> {
    await load();
    const before = await this.#residentBytes();
    await load();
    const growth = (await this.#residentBytes()) - before;
    assert.ok(growth < maxGrowthBytes, `the server has grown by ${growth} bytes`);
  }

  async #prepare(): Promise<void> {
    await this.create('bystander', 'CREATE TABLE kept (a)', 'INSERT INTO kept VALUES (42)');
    await this.create('probe', 'CREATE TABLE probe (n)', 'INSERT INTO probe VALUES (0)');
    this.#bystander = await this.server.digest('bystander');
    await this.keepOpen();
  }

  async #closed(): Promise<void> {
    const left = (metrics: string) => openGauges.filter((name) => gauge(metrics, name) > (this.#open.get(name) ?? 0));
    let open = left(await this.metrics());
    for (const endMs = Date.now() + patienceMs; open.length > 0; open = left(await this.metrics())) {
      if (Date.now() > endMs) {
        const metrics = await this.metrics();
        assert.fail(`still open: ${open.map((name) => `${name} ${gauge(metrics, name)}`).join(', ')}`);
      }
      await sleep(20);
    }
  }

  #checkLog(): void {
    const { log } = this.server;
    for (const line of log.split('\n').filter((text) => text !== '')) {
      assert.ok(line.startsWith('{') && JSON.parse(line).level < errorLevel, line);
    }
    for (const secret of this.secrets) {
      assert.ok(!log.includes(secret), `a secret is in the log: ${secret}`);
    }
  }

  async #residentBytes(): Promise<number> {
    return gauge(await this.metrics(), 'process_resident_memory_bytes');
  }
}

/** The sum of a gauge over its labels. */
function gauge(metrics: string, name: string): number {
  const values = metrics.matchAll(new RegExp(`^${name}(?:\\{.*\\})? (\\S+)$`, 'gm'));
  return [...values].reduce((sum, [, value]) => sum + Number(value), 0);
}
